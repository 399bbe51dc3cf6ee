package gate

import "github.com/google/uuid"

// Settled returns a ticket whose verdict stands.
func Settled(v Verdict) *Ticket {
	done := make(chan struct{})
	close(done)
	return &Ticket{Scan: v.Scan, done: done, verdict: v}
}

// Promise returns a ticket whose verdict is still in the making, and the function that settles it, which is called once.
func Promise(scan uuid.UUID) (t *Ticket, settle func(Verdict, error)) {
	t = &Ticket{Scan: scan, done: make(chan struct{})}
	return t, func(v Verdict, err error) {
		t.verdict, t.err = v, err
		close(t.done)
	}
}
