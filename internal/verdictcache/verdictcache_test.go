package verdictcache_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"modelgate/internal/testenv"
	"modelgate/internal/verdictcache"
	"modelgate/internal/verdictcache/cachetest"
)

// startRedis starts a real server on a loopback port and returns its URL.
func startRedis(t *testing.T, args ...string) string {
	t.Helper()
	program := testenv.Tool(t, "redis-server")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	listener.Close()
	server := exec.Command(program, append(args, "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir())...)
	if !slices.Contains(args, "--sentinel") {
		server.Args = append(server.Args, "--save", "", "--appendonly", "no")
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
	})
	for range 500 {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return "redis://" + address
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("redis-server does not listen")
	return ""
}

// TestCluster runs the suite on a cluster of one node, which is a cluster to its clients.
func TestCluster(t *testing.T) {
	url := startRedis(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf")
	node := redis.NewClient(&redis.Options{Addr: strings.TrimPrefix(url, "redis://")})
	defer node.Close()
	if err := node.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return strings.Contains(node.ClusterInfo(t.Context()).Val(), "cluster_state:ok") })
	cachetest.Run(t, func(t *testing.T) *verdictcache.Cache {
		if err := node.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return open(t, verdictcache.Options{URL: strings.Replace(url, "redis://", "redis+cluster://", 1)})
	})
}

// TestSentinel finds its server through a sentinel.
func TestSentinel(t *testing.T) {
	_, port, err := net.SplitHostPort(strings.TrimPrefix(startRedis(t), "redis://"))
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(conf, []byte("sentinel monitor mymaster 127.0.0.1 "+port+" 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel := startRedis(t, conf, "--sentinel")
	var j journal
	url := strings.Replace(sentinel, "redis://", "redis+sentinel://", 1) + "/mymaster"
	one, two := open(t, verdictcache.Options{URL: url, Log: j.log}), open(t, verdictcache.Options{URL: url, Log: j.log})
	one.PutVerdict(t.Context(), "k", []byte("v"))
	if got, ok := two.Verdict(t.Context(), "k"); !ok || string(got) != "v" || j.String() != "" {
		t.Errorf("got %q, %v; log %q", got, ok, j.String())
	}
}

func open(t *testing.T, o verdictcache.Options) *verdictcache.Cache {
	t.Helper()
	c, err := verdictcache.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestMemory(t *testing.T) {
	cachetest.Run(t, func(t *testing.T) *verdictcache.Cache { return open(t, verdictcache.Options{}) })
}

func TestRedis(t *testing.T) {
	url := startRedis(t)
	database := 0
	cachetest.Run(t, func(t *testing.T) *verdictcache.Cache {
		database++
		return open(t, verdictcache.Options{URL: fmt.Sprintf("%s/%d", url, database)})
	})
}

func TestGatewaysShareARedis(t *testing.T) {
	url := startRedis(t, "--requirepass", "p@ss/word")
	url = strings.Replace(url, "redis://", "redis://:p%40ss%2Fword@", 1)
	one, two := open(t, verdictcache.Options{URL: url}), open(t, verdictcache.Options{URL: url})
	ctx := t.Context()
	one.PutVerdict(ctx, "k", []byte("v"))
	if got, ok := two.Verdict(ctx, "k"); !ok || string(got) != "v" {
		t.Errorf("the other gateway sees %q, %v", got, ok)
	}
	lease, _ := one.Lock(ctx, "k", "scan 1", 300*time.Millisecond)
	if lease == nil {
		t.Fatal("a free lock was not given")
	}
	if second, holder := two.Lock(ctx, "k", "scan 2", time.Minute); second != nil || holder != "scan 1" {
		t.Errorf("the other gateway got the lock: %v, %q", second, holder)
	}
	time.Sleep(600 * time.Millisecond) // longer than it lives without renewal
	if second, _ := two.Lock(ctx, "k", "scan 2", time.Minute); second != nil {
		t.Error("a lock in use went to the other gateway")
	}
	woken := make(chan error, 1)
	go func() { woken <- two.Wait(ctx, "k") }()
	lease.Release()
	if err := <-woken; err != nil {
		t.Error(err)
	}
	if second, holder := two.Lock(ctx, "k", "scan 2", time.Minute); second == nil {
		t.Errorf("a released lock is held by %q", holder)
	} else {
		second.Release()
	}
}

func TestALockOfAGatewayThatDiedIsFreeInTheEnd(t *testing.T) {
	url := startRedis(t)
	dead, err := verdictcache.Open(t.Context(), verdictcache.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	if lease, _ := dead.Lock(t.Context(), "k", "scan 1", 200*time.Millisecond); lease == nil {
		t.Fatal("a free lock was not given")
	}
	if err := dead.Close(); err != nil { // without giving the lock back
		t.Fatal(err)
	}
	alive := open(t, verdictcache.Options{URL: url})
	if err := alive.Wait(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	lease, holder := alive.Lock(t.Context(), "k", "scan 2", time.Minute)
	if lease == nil {
		t.Fatalf("the lock is held by %q", holder)
	}
	lease.Release()
}

// journal gathers what a cache logs.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) log(message string, _ error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, message)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, "; ")
}

func TestRedisGoneAndBack(t *testing.T) {
	server := miniredis.RunT(t)
	var j journal
	c := open(t, verdictcache.Options{URL: "redis://" + server.Addr(), Log: j.log})
	other := open(t, verdictcache.Options{URL: "redis://" + server.Addr()})
	ctx := t.Context()
	c.PutVerdict(ctx, "before", []byte("1"))
	lease, _ := c.Lock(ctx, "held", "v", time.Minute)
	server.Close()
	for i := range 50 {
		key := fmt.Sprint(i)
		c.PutVerdict(ctx, key, []byte("2"))
		if _, ok := c.Verdict(ctx, key); !ok {
			t.Fatal("a verdict is lost while redis is gone")
		}
	}
	if _, ok := c.Verdict(ctx, "before"); !ok {
		t.Error("memory lost a verdict when redis went")
	}
	if lease, holder := c.Lock(ctx, "k", "v", time.Minute); lease == nil {
		t.Errorf("no lock while redis is gone: %q", holder)
	} else {
		lease.Release()
	}
	lease.Release()
	if err := c.Wait(ctx, "k"); err != nil {
		t.Error(err)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		c.PutVerdict(ctx, "after", []byte("3"))
		_, ok := other.Verdict(ctx, "after")
		return ok
	})
	if got := j.String(); got != "redis is gone: working without it; redis is back" {
		t.Errorf("log: %q", got)
	}
}

func TestAStartWithoutRedisWorks(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	var j journal
	c := open(t, verdictcache.Options{URL: "redis://user:secret@" + address, Log: j.log})
	c.PutVerdict(t.Context(), "k", []byte("v"))
	if _, ok := c.Verdict(t.Context(), "k"); !ok {
		t.Error("memory does not work")
	}
	if got := j.String(); got != "redis does not answer: working without it" {
		t.Errorf("log: %q", got)
	}
}

// A server that accepts and never answers must not hold anybody up for long: the callers' own limit is far longer than
// the cache's patience.
func TestARedisThatIsSilentHoldsNobodyUp(t *testing.T) {
	server := miniredis.RunT(t)
	proxy := newStall(t, server.Addr())
	c := open(t, verdictcache.Options{URL: "redis://" + proxy.addr})
	proxy.stall()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for i := range 1000 {
		c.PutVerdict(ctx, fmt.Sprint(i), []byte("v"))
		c.Verdict(ctx, fmt.Sprint("other ", i))
	}
	if ctx.Err() != nil {
		t.Error("2000 operations took 20 seconds")
	}
}

func TestEntriesOfAnotherSchemaAreNotRead(t *testing.T) {
	server := miniredis.RunT(t)
	c := open(t, verdictcache.Options{URL: "redis://" + server.Addr()})
	c.PutVerdict(t.Context(), "k", []byte("v"))
	keys := server.Keys()
	if len(keys) != 1 || keys[0] != "modelgate:1:verdict:k" || server.TTL(keys[0]) == 0 {
		t.Fatalf("keys %q", keys)
	}
	server.Set("modelgate:0:verdict:old", "x")
	server.Set("verdict:old", "x")
	server.Set("modelgate:1:report:bad", "not JSON")
	if _, ok := c.Verdict(t.Context(), "old"); ok {
		t.Error("an entry of another schema was read")
	}
	if _, ok := c.Report(t.Context(), "bad"); ok {
		t.Error("something that is no report was read as one")
	}
}

func waitFor(t *testing.T, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatal("it did not come")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// stallProxy passes bytes on until it is told to keep them.
type stallProxy struct {
	addr string
	mu   sync.Mutex
	dead bool
}

func newStall(t *testing.T, target string) *stallProxy {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	p := &stallProxy{addr: listener.Addr().String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { client.Close() })
			server, err := net.Dial("tcp", target)
			if err != nil {
				return
			}
			t.Cleanup(func() { server.Close() })
			go p.pass(server, client)
			go p.pass(client, server)
		}
	}()
	return p
}

func (p *stallProxy) stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = true
}

func (p *stallProxy) pass(to, from net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		dead := p.dead
		p.mu.Unlock()
		if dead {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
