package main

import (
	"encoding/asn1"
	"math/rand/v2"
)

// tlv is an element of DER from its parts, whatever they are.
func tlv(tag byte, parts ...[]byte) []byte {
	var content []byte
	for _, part := range parts {
		content = append(content, part...)
	}
	return append(append([]byte{tag}, length(len(content))...), content...)
}

func length(n int) []byte {
	switch {
	case n < 0x80:
		return []byte{byte(n)}
	case n < 0x100:
		return []byte{0x81, byte(n)}
	default:
		return []byte{0x82, byte(n >> 8), byte(n)}
	}
}

func sequence(parts ...[]byte) []byte { return tlv(0x30, parts...) }

func octets(content []byte) []byte { return tlv(0x04, content) }

func bits(content []byte) []byte { return tlv(0x03, []byte{0}, content) }

func oid(numbers ...int) []byte {
	der, err := asn1.Marshal(asn1.ObjectIdentifier(numbers))
	if err != nil {
		panic(err)
	}
	return der
}

var null = []byte{5, 0}

// element is a part of DER that can be changed; the lengths around it follow.
type element struct {
	tag      byte
	content  []byte
	children []*element
	// long writes the length in more bytes than it needs.
	long bool
}

// read gives the elements of some DER, if it is nothing but whole elements.
func read(der []byte) ([]*element, bool) {
	var elements []*element
	for len(der) > 0 {
		var raw asn1.RawValue
		rest, err := asn1.Unmarshal(der, &raw)
		if err != nil {
			return nil, false
		}
		one := &element{tag: der[0], content: raw.Bytes}
		// The value of an extension is DER inside of an octet string.
		if raw.IsCompound || raw.Class == asn1.ClassUniversal && raw.Tag == asn1.TagOctetString {
			if children, ok := read(raw.Bytes); ok {
				one.children = children
			}
		}
		elements = append(elements, one)
		der = rest
	}
	return elements, true
}

func (e *element) der() []byte {
	content := e.content
	if len(e.children) > 0 {
		content = nil
		for _, child := range e.children {
			content = append(content, child.der()...)
		}
	}
	if e.long {
		return append([]byte{e.tag, 0x83, 0, byte(len(content) >> 8), byte(len(content))}, content...)
	}
	return tlv(e.tag, content)
}

// all lists an element and everything inside it.
func (e *element) all() []*element {
	found := []*element{e}
	for _, child := range e.children {
		found = append(found, child.all()...)
	}
	return found
}

// rewritten is some DER after a change of one of its elements that can be changed so.
func rewritten(der []byte, r *rand.Rand, can func(*element) bool, change func(*element)) []byte {
	elements, ok := read(der)
	if !ok || len(elements) != 1 {
		return der
	}
	var able []*element
	for _, one := range elements[0].all() {
		if can(one) {
			able = append(able, one)
		}
	}
	if len(able) == 0 {
		return der
	}
	change(able[r.IntN(len(able))])
	return elements[0].der()
}

func hasChildren(e *element) bool { return len(e.children) > 0 }

func hasTwoChildren(e *element) bool { return len(e.children) > 1 }

func isAnything(*element) bool { return true }

func isLeaf(e *element) bool { return len(e.children) == 0 && len(e.content) > 0 }

// flipped is some bytes with one bit changed.
func flipped(bytes []byte, r *rand.Rand) []byte {
	changed := append([]byte(nil), bytes...)
	changed[r.IntN(len(changed))] ^= 1 << r.IntN(8)
	return changed
}

// scratched is some bytes with one of them changed, left out, or another one put in.
func scratched(bytes []byte, r *rand.Rand) []byte {
	at := r.IntN(len(bytes))
	head, tail := append([]byte(nil), bytes[:at]...), bytes[at:]
	switch r.IntN(3) {
	case 0:
		return append(append(head, byte(r.IntN(256))), tail[1:]...)
	case 1:
		return append(head, tail[1:]...)
	default:
		return append(append(head, byte(r.IntN(256))), tail...)
	}
}
