package ca

import (
	"container/list"
	"crypto/tls"
)

// An lru keeps the configs of the hosts that were asked for last.
type lru struct {
	most  int
	order *list.List // of entry, the latest in front
	at    map[string]*list.Element
}

type entry struct {
	host   string
	config *tls.Config
}

func newLRU(most int) lru {
	return lru{most: most, order: list.New(), at: map[string]*list.Element{}}
}

func (l *lru) get(host string) *tls.Config {
	e, ok := l.at[host]
	if !ok {
		return nil
	}
	l.order.MoveToFront(e)
	return e.Value.(entry).config
}

func (l *lru) put(host string, c *tls.Config) {
	l.at[host] = l.order.PushFront(entry{host, c})
	if l.order.Len() > l.most {
		last := l.order.Remove(l.order.Back()).(entry)
		delete(l.at, last.host)
	}
}
