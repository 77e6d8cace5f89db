package demo

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/botorate/botorate/internal/lab"
)

func scannerKey() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(lab.AccessKeyID, lab.SecretAccessKey, "")
}

func neighbourKey() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(lab.NeighbourKeyID, lab.NeighbourSecretAccessKey, "")
}

// newEC2 returns an SDK client. A nil retryer leaves the SDK's default.
func newEC2(c *http.Client, key aws.CredentialsProvider, retryer func() aws.Retryer) *ec2.Client {
	return ec2.NewFromConfig(aws.Config{Region: region, Credentials: key, HTTPClient: c, Retryer: retryer})
}

func noRetries() aws.Retryer { return aws.NopRetryer{} }

// scan lists the account's snapshots, and then asks of each who may make volumes from it, as a security scanner does.
// A snapshot whose call fails is lost; the scan goes on.
func (o Options) scan(ctx context.Context, client *ec2.Client, progress func(Progress)) (Scan, error) {
	ids, err := snapshots(ctx, client)
	if err != nil {
		return Scan{}, err
	}
	var (
		s    Scan
		mu   sync.Mutex // guards s, and calls progress in order
		wg   sync.WaitGroup
		work = make(chan string)
	)
	for range workers {
		wg.Go(func() {
			for id := range work {
				_, err := describeAttribute(ctx, client, id)
				if ctx.Err() != nil {
					continue // interrupted: neither answered nor lost
				}
				mu.Lock()
				if err == nil {
					s.Answered++
				} else {
					s.Lost++
				}
				progress(Progress{Answered: s.Answered, Lost: s.Lost, Total: len(ids)})
				mu.Unlock()
			}
		})
	}
	feed(ctx, work, ids)
	wg.Wait()
	return s, ctx.Err()
}

func feed(ctx context.Context, work chan<- string, ids []string) {
	defer close(work)
	for _, id := range ids {
		select {
		case work <- id:
		case <-ctx.Done():
			return
		}
	}
}

func snapshots(ctx context.Context, client *ec2.Client) ([]string, error) {
	pages := ec2.NewDescribeSnapshotsPaginator(client, &ec2.DescribeSnapshotsInput{
		OwnerIds: []string{"self"}, MaxResults: aws.Int32(500),
	})
	var ids []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Snapshots {
			ids = append(ids, aws.ToString(s.SnapshotId))
		}
	}
	return ids, nil
}

// A neighbour is other software of the account: at once, and then every five seconds, it makes twenty calls of the action that
// the scan makes, one each 50 ms, and does not retry. AWS counts what becomes of them. If it made all at one instant, it would
// be decided by how that instant lies to the second at which AWS refills the bucket: all answered, or nearly none.
type neighbour struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func startNeighbour(ctx context.Context, client *ec2.Client) *neighbour {
	ctx, cancel := context.WithCancel(ctx)
	n := &neighbour{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(n.done)
		tick := time.NewTicker(neighbourGap)
		defer tick.Stop()
		for turn := 0; ; turn++ {
			if turn%int(neighbourEvery/neighbourGap) < neighbourCalls {
				_, _ = describeAttribute(ctx, client, "snap-00000000000000001") // refused or not: AWS counts
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return n
}

// stop ends the neighbour, a call in flight too.
func (n *neighbour) stop() {
	n.cancel()
	<-n.done
}

func describeAttribute(ctx context.Context, client *ec2.Client, snapshot string) (*ec2.DescribeSnapshotAttributeOutput, error) {
	return client.DescribeSnapshotAttribute(ctx, &ec2.DescribeSnapshotAttributeInput{
		SnapshotId: aws.String(snapshot), Attribute: types.SnapshotAttributeNameCreateVolumePermission,
	})
}
