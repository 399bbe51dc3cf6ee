package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// transport keeps a connection for each of many clients.
func transport() *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 0, DisableCompression: true}
}

// fetch downloads an address and returns the SHA-256 of what came.
func fetch(ctx context.Context, client *http.Client, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s", url, resp.Status)
	}
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, resp.Body, make([]byte, 256<<10)); err != nil {
		return "", fmt.Errorf("download %s: %w", url, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// pace sends requests from some connections for a while and returns how many were answered with 200 in a second.
func pace(ctx context.Context, method, url string, connections int, d time.Duration) (float64, error) {
	client := &http.Client{Transport: transport()}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var done atomic.Int64
	var once sync.Once
	var failed error
	var wg sync.WaitGroup
	start := time.Now()
	for range connections {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := one(ctx, client, method, url); err != nil {
					if ctx.Err() == nil {
						once.Do(func() { failed = err })
					}
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(start).Seconds(), failed
}

// pace measures requests in a second and microseconds of the server's CPU for each, over 16 connections.
func (p *process) pace(ctx context.Context, method, url string) (rate, cpu float64, err error) {
	u, err := p.during(func() error {
		rate, err = pace(ctx, method, url, 16, paceFor)
		return err
	})
	return rate, float64(u.cpu.Microseconds()) / max(1, rate*paceFor.Seconds()), err
}

// paceFor is how long a rate is measured.
const paceFor = 2 * time.Second

func one(ctx context.Context, client *http.Client, method, url string) error {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s answered %s", method, url, resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
