package daemon

import (
	"testing"
	"time"

	"github.com/botorate/botorate"
)

func TestStatusLine(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	bucket := func(quota string, rate, level float64, waiting int) botorate.BucketState {
		return botorate.BucketState{ID: botorate.BucketID{Quota: quota}, Rate: rate, Level: level, Waiting: waiting}
	}
	paused := bucket("iam:GetRole", 5, 3, 4)
	paused.PausedUntil = now.Add(1500 * time.Millisecond)
	floored := bucket("ec2:X", 2, 20, 4)
	floored.Limit.Floor = 20
	tests := []struct {
		name    string
		buckets []botorate.BucketState
		want    string
	}{
		{"held, but by no bucket any more", nil, "botorate: 4 held · 312 answered · 0 throttles"},
		{
			"the one that most wait for",
			[]botorate.BucketState{bucket("ec2:account", 20, 5, 2), bucket("ec2:DescribeSnapshotAttribute", 16, -0.6, 4), bucket("idle", 1, 0, 0)},
			"botorate: 4 held · ec2:DescribeSnapshotAttribute 16.0/s · 312 answered · 0 throttles · next in 0.1 s",
		},
		{
			"the slower of equals",
			[]botorate.BucketState{bucket("a", 20, 0, 4), bucket("b", 2, 0, 4)},
			"botorate: 4 held · b 2.0/s · 312 answered · 0 throttles · next in 0.5 s",
		},
		{"paused", []botorate.BucketState{paused}, "botorate: 4 held · iam:GetRole 5.0/s · 312 answered · 0 throttles · next in 1.5 s"},
		{"at its floor", []botorate.BucketState{floored}, "botorate: 4 held · ec2:X 2.0/s · 312 answered · 0 throttles · next in 0.5 s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := statusLine(now, 4, 312, 0, botorate.Snapshot{Buckets: tt.buckets}); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestClip(t *testing.T) {
	for _, tt := range []struct {
		width int
		want  string
	}{{0, "a · b · c"}, {9, "a · b · c"}, {8, "a · b ·…"}, {1, "…"}} {
		if got := clip("a · b · c", tt.width); got != tt.want {
			t.Errorf("clip to %d: got %q, want %q", tt.width, got, tt.want)
		}
	}
}
