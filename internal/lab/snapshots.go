package lab

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An apiError is an error that a service answers with.
type apiError struct {
	status        int
	code, message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func badParameter(format string, args ...any) *apiError {
	return &apiError{400, "InvalidParameterValue", fmt.Sprintf(format, args...)}
}

// An inventory is what the account owns: snapshots, and a volume for each ten of them. It is the same in every Region, and
// its times count back from now.
type inventory struct {
	snapshots int
	started   time.Time
}

const snapshotsPerVolume = 10

type snapshotItem struct {
	SnapshotID  string    `xml:"snapshotId"`
	VolumeID    string    `xml:"volumeId"`
	Status      string    `xml:"status"`
	StartTime   string    `xml:"startTime"`
	Progress    string    `xml:"progress"`
	OwnerID     string    `xml:"ownerId"`
	VolumeSize  int       `xml:"volumeSize"`
	Description string    `xml:"description"`
	Encrypted   bool      `xml:"encrypted"`
	StorageTier string    `xml:"storageTier"`
	Tags        []tagItem `xml:"tagSet>item"`
}

type volumeItem struct {
	VolumeID         string    `xml:"volumeId"`
	Size             int       `xml:"size"`
	AvailabilityZone string    `xml:"availabilityZone"`
	Status           string    `xml:"status"`
	CreateTime       string    `xml:"createTime"`
	VolumeType       string    `xml:"volumeType"`
	Iops             int       `xml:"iops"`
	Throughput       int       `xml:"throughput"`
	Encrypted        bool      `xml:"encrypted"`
	Tags             []tagItem `xml:"tagSet>item"`
}

type tagItem struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

const ec2Time = "2006-01-02T15:04:05.000Z"

func (v inventory) snapshot(i int) snapshotItem {
	volume := i / snapshotsPerVolume
	return snapshotItem{
		SnapshotID:  fmt.Sprintf("snap-%017x", i+1),
		VolumeID:    fmt.Sprintf("vol-%017x", volume+1),
		Status:      "completed",
		StartTime:   v.started.Add(-time.Duration(i) * 6 * time.Hour).UTC().Format(ec2Time),
		Progress:    "100%",
		OwnerID:     Account,
		VolumeSize:  volumeSize(volume),
		Description: fmt.Sprintf("nightly backup %d of volume %d", i%snapshotsPerVolume+1, volume+1),
		Encrypted:   volume%2 == 0,
		StorageTier: "standard",
		Tags:        []tagItem{{"Name", fmt.Sprintf("backup-%05d", i+1)}, {"environment", environment(volume)}},
	}
}

func (v inventory) volumes() int { return (v.snapshots + snapshotsPerVolume - 1) / snapshotsPerVolume }

func (v inventory) volume(i int, region string) volumeItem {
	return volumeItem{
		VolumeID:         fmt.Sprintf("vol-%017x", i+1),
		Size:             volumeSize(i),
		AvailabilityZone: region + "a",
		Status:           "available",
		CreateTime:       v.started.AddDate(-1, 0, 0).UTC().Format(ec2Time),
		VolumeType:       "gp3",
		Iops:             3000,
		Throughput:       125,
		Encrypted:        i%2 == 0,
		Tags:             []tagItem{{"Name", fmt.Sprintf("data-%04d", i+1)}, {"environment", environment(i)}},
	}
}

func volumeSize(volume int) int { return 8 << (volume % 6) }

func environment(volume int) string {
	if volume%3 == 0 {
		return "production"
	}
	return "staging"
}

// public reports whether anyone may create volumes from a snapshot: what a security scan looks for.
func (v inventory) public(i int) bool { return i%100 == 42 }

// find returns the index of a snapshot.
func (v inventory) find(id string) (int, *apiError) {
	hexa, ok := strings.CutPrefix(id, "snap-")
	n, err := strconv.ParseInt(hexa, 16, 64)
	switch {
	case !ok || err != nil:
		return 0, &apiError{400, "InvalidParameterValue", fmt.Sprintf("Value (%s) for parameter snapshotId is invalid. Expected: 'snap-...'.", id)}
	case n < 1 || n > int64(v.snapshots) || len(hexa) != 17:
		return 0, &apiError{400, "InvalidSnapshot.NotFound", fmt.Sprintf("The snapshot '%s' does not exist.", id)}
	}
	return int(n) - 1, nil
}

// A filter is EC2's Filter.N: an item passes if one of its values is among those given.
type filter struct {
	name   string
	values []string
}

// passes tells whether an item with those properties passes all filters. A filter on a property that the item does not have in
// the stand-in passes.
func passes(filters []filter, property func(name string) (string, bool)) bool {
	for _, f := range filters {
		if v, known := property(f.name); known && !slices.ContainsFunc(f.values, func(p string) bool { return wild(p, v) }) {
			return false
		}
	}
	return true
}

// wild matches EC2's * and ?. It goes back only to the last *, so that its time is bounded by the product of the lengths.
func wild(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func (s *snapshotItem) property(name string) (string, bool) {
	switch name {
	case "snapshot-id":
		return s.SnapshotID, true
	case "volume-id":
		return s.VolumeID, true
	case "owner-id":
		return s.OwnerID, true
	case "status":
		return s.Status, true
	case "encrypted":
		return strconv.FormatBool(s.Encrypted), true
	case "storage-tier":
		return s.StorageTier, true
	}
	return tagProperty(s.Tags, name)
}

func (v *volumeItem) property(name string) (string, bool) {
	switch name {
	case "volume-id":
		return v.VolumeID, true
	case "status":
		return v.Status, true
	case "encrypted":
		return strconv.FormatBool(v.Encrypted), true
	}
	return tagProperty(v.Tags, name)
}

func tagProperty(tags []tagItem, name string) (string, bool) {
	key, ok := strings.CutPrefix(name, "tag:")
	if !ok {
		return "", false
	}
	for _, t := range tags {
		if t.Key == key {
			return t.Value, true
		}
	}
	return "", true
}

// page cuts items to one page, and returns the token of the next. maxResults 0 means everything that is left.
func page[T any](items []T, maxResults int, token string) (part []T, next string, err *apiError) {
	start := 0
	if token != "" {
		raw, e := base64.RawURLEncoding.DecodeString(token)
		n, e2 := strconv.Atoi(string(raw))
		if e != nil || e2 != nil || n < 0 || n > len(items) {
			return nil, "", &apiError{400, "InvalidNextToken", "The provided token is invalid."}
		}
		start = n
	}
	items = items[start:]
	if maxResults == 0 || len(items) <= maxResults {
		return items, "", nil
	}
	next = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(start + maxResults)))
	return items[:maxResults], next, nil
}
