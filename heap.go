package botorate

// An order says which of two items comes first, and where an item keeps its place in a heap.
type order[T any] interface {
	before(a, b T) bool
	slot(T) *int32
}

// A heap is a priority queue whose items know their place, so that any of them can be moved or removed in O(log n).
// An item that is in no heap has slot -1. The zero value is empty.
type heap[T any, O order[T]] struct {
	items []T
	order O
}

// top returns the first item, or the zero value.
func (h *heap[T, O]) top() (first T) {
	if len(h.items) > 0 {
		first = h.items[0]
	}
	return first
}

func (h *heap[T, O]) push(x T) {
	h.items = append(h.items, x)
	*h.order.slot(x) = int32(len(h.items) - 1) //nolint:gosec // more than 2^31 items don't fit in memory
	h.up(len(h.items) - 1)
}

// fix restores the order after x changed.
func (h *heap[T, O]) fix(x T) {
	i := int(*h.order.slot(x))
	if !h.down(i) {
		h.up(i)
	}
}

func (h *heap[T, O]) remove(x T) {
	i, last := int(*h.order.slot(x)), len(h.items)-1
	h.swap(i, last)
	var zero T
	h.items[last] = zero
	h.items = h.items[:last]
	*h.order.slot(x) = -1
	if i < last && !h.down(i) {
		h.up(i)
	}
}

func (h *heap[T, O]) swap(i, j int) {
	a, b := h.items[i], h.items[j]
	h.items[i], h.items[j] = b, a
	*h.order.slot(b), *h.order.slot(a) = int32(i), int32(j) //nolint:gosec // as in push
}

func (h *heap[T, O]) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.order.before(h.items[i], h.items[parent]) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

// down reports whether the item moved.
func (h *heap[T, O]) down(i int) bool {
	start := i
	for {
		child := 2*i + 1
		if child >= len(h.items) {
			break
		}
		if right := child + 1; right < len(h.items) && h.order.before(h.items[right], h.items[child]) {
			child = right
		}
		if !h.order.before(h.items[child], h.items[i]) {
			break
		}
		h.swap(i, child)
		i = child
	}
	return i > start
}
