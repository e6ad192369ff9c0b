package main

import (
	"crypto"
	"crypto/elliptic"
)

// one gives one of some values.
func one[T any](b *bundle, values ...T) T { return values[b.IntN(len(values))] }

func number(tag byte, value ...byte) []byte { return tlv(tag, value) }

var (
	serverAuth  = oid(1, 3, 6, 1, 5, 5, 7, 3, 1)
	clientAuth  = oid(1, 3, 6, 1, 5, 5, 7, 3, 2)
	codeSigning = oid(1, 3, 6, 1, 5, 5, 7, 3, 3)
	ocspSigning = oid(1, 3, 6, 1, 5, 5, 7, 3, 9)
	serverGated = oid(1, 3, 6, 1, 4, 1, 311, 10, 3, 3)
	anyUsage    = oid(2, 5, 29, 37, 0)
	anyPolicy   = oid(2, 5, 29, 32, 0)
	somePolicy  = oid(1, 3, 6, 1, 4, 1, 99999, 1)
)

func isCritical(b *bundle) []byte { return one(b, critical, nil) }

// add puts an extension into some certificate.
func add(id []byte, values func(*bundle) []byte) func(*bundle) {
	return func(b *bundle) {
		found := b.some().at(id)
		found.value, found.critical = values(b), isCritical(b)
	}
}

func constant(value []byte) func(*bundle) []byte { return func(*bundle) []byte { return value } }

// What is signed once more after a change of its bytes is a valid signature of something odd.
var certificateKinds = []kind{
	{"whole", func(*bundle) {}},
	{"a bit of a certificate", func(b *bundle) {
		b.some().der = func(der []byte) []byte { return flipped(der, b.Rand) }
	}},
	{"a bit, signed", func(b *bundle) {
		b.some().tbs = func(der []byte) []byte { return flipped(der, b.Rand) }
	}},
	{"a byte, signed", func(b *bundle) {
		b.some().tbs = func(der []byte) []byte { return scratched(der, b.Rand) }
	}},
	{"a bit of a value, signed", rewrite(isLeaf, func(b *bundle, e *element) { e.content = flipped(e.content, b.Rand) })},
	{"an element missing, signed", rewrite(hasChildren, func(b *bundle, e *element) {
		at := b.IntN(len(e.children))
		e.children = append(append([]*element{}, e.children[:at]...), e.children[at+1:]...)
		if len(e.children) == 0 {
			e.content = nil
		}
	})},
	{"an element twice, signed", rewrite(hasChildren, func(b *bundle, e *element) { e.children = append(e.children, e.children[b.IntN(len(e.children))]) })},
	{"elements swapped, signed", rewrite(hasTwoChildren, func(b *bundle, e *element) {
		at := b.IntN(len(e.children) - 1)
		e.children[at], e.children[at+1] = e.children[at+1], e.children[at]
	})},
	{"another tag, signed", rewrite(isAnything, func(b *bundle, e *element) {
		e.tag = one(b, byte(0x01), 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x1e, 0x30, 0x31, 0x80, 0xa0, 0xa3)
	})},
	{"a long length, signed", rewrite(isAnything, func(_ *bundle, e *element) { e.long = true })},
	{"bytes at an end", func(b *bundle) {
		more := func(der []byte) []byte { return append(append([]byte{}, der...), null...) }
		c := b.some()
		switch b.IntN(4) {
		case 0:
			c.der = more
		case 1:
			c.signature = more
		case 2:
			c.signature = func(der []byte) []byte { return tlv(3, der[2:], null) }
		default:
			found := &c.extensions[b.IntN(len(c.extensions))]
			found.value = more(found.value)
		}
	}},
	{"another version", func(b *bundle) {
		b.some().version = one(b, nil, tlv(0xa0, number(2, 0)), tlv(0xa0, number(2, 1)), tlv(0xa0, number(2, 3)), tlv(0xa0, number(2, 0xff)))
	}},
	{"an odd serial number", func(b *bundle) {
		b.some().serial = one(b, number(2, 0), number(2, 0xff), number(2, 0x80, 1), number(2, 0, 1), number(2, 0, 0x80), tlv(2), tlv(2, stream("a", 20)), tlv(2, []byte{0x7f}, stream("b", 20)), tlv(2, []byte{0x7f}, stream("c", 40)))
	}},
	{"a unique identifier", func(b *bundle) {
		b.some().unique = one(b, tlv(0x81, []byte{0, 1}), tlv(0x82, []byte{0, 1}), tlv(0xa1, bits([]byte{1})))
	}},
	{"another algorithm inside", func(b *bundle) {
		c := b.some()
		c.inner = algorithm(one(b, b.root.private, b.signer.private), one(b, crypto.SHA1, crypto.SHA384, crypto.SHA512))
		c.outer = algorithm(signerOf(c).private, crypto.SHA256)
	}},
	{"another digest", func(b *bundle) {
		b.some().hash = one(b, crypto.MD5, crypto.SHA1, crypto.SHA224, crypto.SHA384, crypto.SHA512)
	}},
	{"odd parameters of the algorithm", func(b *bundle) {
		c := b.some()
		id := ecdsaWith[crypto.SHA256]
		if isRSA(signerOf(c).private) {
			id = rsaWith[crypto.SHA256]
		}
		c.inner = sequence(id, one(b, nil, null, sequence(), number(2, 1), []byte{5, 1, 0}))
	}},
	{"a signature by another key", func(b *bundle) {
		c := b.some()
		imposter := *signerOf(c)
		imposter.private = b.keys.ec(elliptic.P256(), "imposter")
		c.signer = &imposter
		if c == b.root {
			imposter.subject = c.subject
		}
	}},
	{"a signature with unused bits", func(b *bundle) {
		b.some().signature = func(der []byte) []byte {
			changed := append([]byte{}, der...)
			at := 2
			if der[1] >= 0x80 {
				at += int(der[1] & 0x7f)
			}
			changed[at] = byte(1 + b.IntN(8))
			return changed
		}
	}},
	{"an odd string in a name", func(b *bundle) {
		value := one(b, name(0x13, "Ordinary"), name(0x16, "Ordinary"), name(0x1e, "\x00O\x00d\x00d"), name(0x14, "T61"), name(0x14, "\xe4"), name(0x1c, "\x00\x00\x00U"),
			name(0x12, "12"), name(0x13, "*.star"), name(0x13, "a@b"), name(0x13, "a&b"), name(0x13, "a_b"), name(0x0c, "\xff\xfe"), name(0x0c, "a\x00b"), name(0x0c, "line\nline"), name(0x16, "\xe4"), name(0x0c, ""), name(0x04, "octets"), name(0x1a, "visible"))
		b.some().subject = value
	}},
	{"an odd name", func(b *bundle) {
		attribute := func(value string) []byte { return sequence(idCommonName, text(0x0c, value)) }
		b.some().subject = one(b, sequence(), sequence(tlv(0x31)), sequence(tlv(0x31, attribute("a"), attribute("b"))), sequence(tlv(0x31, attribute("b"), attribute("a"))),
			sequence(tlv(0x31, attribute("a"), attribute("a"))), sequence(tlv(0x30, attribute("a"))), sequence(tlv(0x31, sequence(idCommonName))))
	}},
	{"an issuer of another spelling", func(b *bundle) {
		c := b.below()
		what := map[bool]string{true: "Root", false: "Middle"}[c.signer == b.root]
		c.issuer = one(b, name(0x13, what), name(0x0c, what+" "), name(0x0c, one(b, "ROOT", "root", "Other")), name(0x16, what))
	}},
	{"odd days", func(b *bundle) {
		c := b.some()
		c.notBefore, c.notAfter = one(b,
			pair{text(0x18, "20250101000000Z"), text(0x18, "20350101000000Z")},
			pair{text(0x17, firstDay), text(0x18, "20500101000000Z")},
			pair{text(0x17, firstDay), text(0x18, "99991231235959Z")},
			pair{text(0x17, "2501010000Z"), text(0x17, lastDay)},
			pair{text(0x17, firstDay), text(0x17, "350101000000+0100")},
			pair{text(0x17, firstDay), text(0x18, "20350101000000.5Z")},
			pair{text(0x17, "500101000000Z"), text(0x17, lastDay)},
			pair{text(0x17, "690101000000Z"), text(0x17, lastDay)},
			pair{text(0x17, "700101000000Z"), text(0x17, lastDay)},
			pair{text(0x18, "19600101000000Z"), text(0x17, lastDay)},
			pair{text(0x17, "250230000000Z"), text(0x17, lastDay)},
			pair{text(0x17, "250101240000Z"), text(0x17, lastDay)},
			pair{text(0x17, "250101000060Z"), text(0x17, lastDay)},
			pair{text(0x17, firstDay), text(0x17, "350101000000")}).split()
	}},
	{"days that do not fit", func(b *bundle) {
		days := func(first, last string) pair { return pair{text(0x17, first), text(0x17, last)} }
		c := b.some()
		c.notBefore, c.notAfter = one(b, days("240101000000Z", lastDay), days(firstDay, "360101000000Z"), days("200101000000Z", "210101000000Z"), days("320101000000Z", lastDay), days(lastDay, firstDay), days(firstDay, firstDay), days("260101000000Z", "270101000000Z"), days(firstDay, "250101000001Z")).split()
	}},
	{"another key", func(b *bundle) {
		b.some().use(one[func() crypto.Signer](b,
			func() crypto.Signer { return b.keys.ec(elliptic.P224(), "x") },
			func() crypto.Signer { return b.keys.ec(elliptic.P521(), "x") },
			func() crypto.Signer { return b.keys.ed25519("x") },
			func() crypto.Signer { return b.keys.rsa(1024, 65537, "x") },
			func() crypto.Signer { return b.keys.rsa(2048, 3, "x") },
			func() crypto.Signer { return b.keys.rsa(3072, 65537, "x") })())
	}},
	{"an odd form of the key", func(b *bundle) {
		c := b.some()
		point := b.keys.ec(elliptic.P256(), "other")
		// The bit string of the key: no unused bits, an octet that says what follows, and two coordinates.
		whole := publicKey(point)[25:]
		compressed := append([]byte{2 + whole[65]&1}, whole[2:34]...)
		curve := sequence(oid(1, 2, 840, 10045, 2, 1), oid(1, 2, 840, 10045, 3, 1, 7))
		modulus := publicKey(b.keys.rsa(2048, 65537, "other"))
		switch b.IntN(7) {
		case 0:
			c.private, c.key = point, sequence(curve, bits(compressed))
		case 1:
			c.key = sequence(curve, bits(append([]byte{4}, stream("no point", 64)...)))
		case 2:
			c.key = sequence(sequence(oid(1, 2, 840, 10045, 2, 1), oid(1, 3, 132, 0, 34)), tlv(3, whole))
		case 3:
			c.private, c.key = b.keys.rsa(2048, 65537, "other"), rewritten(modulus, b.Rand, func(e *element) bool { return e.tag == 5 }, func(e *element) { e.tag, e.content = 0x30, nil })
		case 4:
			c.private, c.key = b.keys.rsa(2048, 65537, "other"), sequence(sequence(oid(1, 2, 840, 113549, 1, 1, 1)), modulus[len(modulus)-271-4:])
		case 5:
			c.key = append([]byte{}, c.key...)
			c.key[len(c.key)-1] ^= 1
		default:
			c.key = rewritten(c.key, b.Rand, isAnything, func(e *element) { e.long = true })
		}
	}},
	{"another key usage", func(b *bundle) {
		c := b.some()
		c.at(idKeyUsage).critical = isCritical(b)
		c.at(idKeyUsage).value = one(b, []byte{3, 2, 1, 2}, []byte{3, 2, 7, 0x80}, []byte{3, 2, 2, 4}, []byte{3, 1, 0}, []byte{3, 2, 0, 6}, []byte{3, 2, 1, 0x86}, []byte{3, 3, 0, 6, 0}, []byte{3, 3, 7, 6, 0x80}, []byte{3, 4, 0, 6, 0, 1}, []byte{3, 2, 0, 0}, []byte{3, 2, 1, 7}, []byte{4, 1, 6}, nil)
		if b.IntN(6) == 0 {
			c.without(idKeyUsage)
		}
	}},
	{"other basic constraints", func(b *bundle) {
		c := b.some()
		c.at(idConstraints).critical = isCritical(b)
		yes := []byte{1, 1, 0xff}
		c.at(idConstraints).value = one(b, sequence(), sequence([]byte{1, 1, 0}), sequence(yes, number(2, 0)), sequence(yes, number(2, 1)), sequence(yes, number(2, 2)), sequence(yes, number(2, 0xff)), sequence(yes, number(2, 1, 0x2c)), sequence(yes, number(2, 0x7f, 0xff, 0xff, 0xff, 0xff)), sequence([]byte{1, 1, 1}), sequence(number(2, 0)), sequence([]byte{1, 1, 0}, number(2, 0)), sequence(yes, yes), sequence(yes, null), sequence(yes, number(2, 0, 0)), nil)
		if b.IntN(6) == 0 {
			c.without(idConstraints)
		}
	}},
	{"extended key usages", func(b *bundle) {
		for range 1 + b.IntN(2) {
			usages := one(b, sequence(serverAuth, clientAuth), sequence(clientAuth, serverAuth, codeSigning), sequence(serverAuth), sequence(clientAuth), sequence(anyUsage), sequence(anyUsage, serverAuth), sequence(anyUsage, clientAuth), sequence(codeSigning), sequence(ocspSigning), sequence(serverGated, clientAuth), sequence(), sequence(serverAuth, serverAuth, clientAuth), sequence(serverAuth, clientAuth, null), nil)
			found := b.some().at(idUsages)
			found.value, found.critical = usages, isCritical(b)
		}
	}},
	{"name constraints", add(oid(2, 5, 29, 30), func(b *bundle) []byte {
		tree := func(tag byte, value string) []byte { return sequence(text(tag, value)) }
		subtree := one(b, tree(0x82, "istio-system.svc"), tree(0x82, ""), tree(0x86, "cluster.local"), tree(0x86, ".local"), tree(0x86, "example.org"), tree(0x86, "10.0.0.1"), tree(0x81, "example.org"), tree(0x87, "\x0a\x00\x00\x00\xff\x00\x00\x00"), tree(0x87, "\x0a\x00"), sequence(tlv(0xa4, name(0x0c, "Signer"))), sequence(text(0x82, "svc"), number(0x80, 1)), sequence(text(0x88, "\x2a")), nil)
		return one(b, sequence(tlv(0xa0, subtree)), sequence(tlv(0xa1, subtree)), sequence(tlv(0xa0, subtree), tlv(0xa1, tree(0x82, "example.org"))), sequence())
	})},
	{"policies", add(oid(2, 5, 29, 32), func(b *bundle) []byte {
		policy := func(parts ...[]byte) []byte { return sequence(parts...) }
		statement := sequence(sequence(oid(1, 3, 6, 1, 5, 5, 7, 2, 1), text(0x16, "https://example.org/cps")))
		return one(b, sequence(policy(somePolicy)), sequence(policy(anyPolicy)), sequence(policy(somePolicy, statement)), sequence(policy(somePolicy), policy(somePolicy)), sequence(), sequence(policy()), sequence(policy(somePolicy), policy(anyPolicy)), sequence(null), nil)
	})},
	{"policy constraints", func(b *bundle) {
		add(oid(2, 5, 29, 36), func(b *bundle) []byte {
			return one(b, sequence(number(0x80, 0)), sequence(number(0x80, 1)), sequence(number(0x80, 5)), sequence(number(0x81, 0)), sequence(), sequence(number(0x80, 0xff)), null)
		})(b)
		if b.IntN(2) == 0 {
			add(oid(2, 5, 29, 32), constant(sequence(sequence(one(b, somePolicy, anyPolicy)))))(b)
		}
	}},
	{"a policy mapping", add(oid(2, 5, 29, 33), func(b *bundle) []byte {
		return one(b, sequence(sequence(somePolicy, oid(1, 2, 3))), sequence(sequence(anyPolicy, somePolicy)), sequence())
	})},
	{"inhibited anyPolicy", add(oid(2, 5, 29, 54), func(b *bundle) []byte { return one(b, number(2, 0), number(2, 1), number(2, 0xff), null) })},
	{"an extension twice", func(b *bundle) {
		c := b.some()
		again := c.extensions[b.IntN(len(c.extensions))]
		switch {
		case b.IntN(2) == 0:
		case string(again.id) == string(idConstraints):
			again.value = one(b, sequence(), sequence([]byte{1, 1, 0xff}, number(2, 0)))
		case string(again.id) == string(idKeyUsage):
			again.value = []byte{3, 2, 7, 0x80}
		default:
			again.value = octets([]byte{1, 2, 3})
		}
		at := b.IntN(len(c.extensions) + 1)
		c.extensions = append(append(append([]extension{}, c.extensions[:at]...), again), c.extensions[at:]...)
	}},
	{"an unknown extension", func(b *bundle) {
		id := one(b, oid(1, 3, 6, 1, 4, 1, 311, 21, 7), oid(1, 3, 6, 1, 4, 1, 99999, 2), oid(2, 5, 29, 18), oid(2, 5, 29, 46), oid(2, 5, 29, 16), oid(2, 5, 29, 9), oid(2, 5, 29, 99), oid(1, 3, 6, 1, 5, 5, 7, 48, 1, 5), oid(2, 16, 840, 1, 113730, 1, 13), oid(1, 3, 6, 1, 5, 5, 7, 1, 11), oid(1, 3, 6, 1, 5, 5, 7, 1, 24))
		add(id, func(b *bundle) []byte { return one(b, null, text(0x16, "text"), sequence(), nil) })(b)
	}},
	{"an extension that OpenSSL goes by", func(b *bundle) {
		switch b.IntN(4) {
		case 0:
			add(oid(2, 16, 840, 1, 113730, 1, 1), func(b *bundle) []byte {
				return one(b, []byte{3, 2, 0, 7}, []byte{3, 2, 4, 0x10}, []byte{3, 2, 6, 0xc0}, null)
			})(b)
		case 1:
			add(oid(1, 3, 6, 1, 5, 5, 7, 1, 14), constant(sequence(sequence(oid(1, 3, 6, 1, 5, 5, 7, 21, 1)))))(b)
		case 2:
			add(oid(1, 3, 6, 1, 5, 5, 7, 1, 7), constant(sequence(sequence(octets([]byte{0, 1}), sequence(tlv(3, []byte{0, 10}))))))(b)
		default:
			add(oid(1, 3, 6, 1, 5, 5, 7, 1, 8), constant(sequence(tlv(0xa0, sequence(number(2, 7))))))(b)
		}
	}},
	{"another key identifier", func(b *bundle) {
		c := b.some()
		id := one(b, idSubjectKey, idAuthorityKey)
		switch b.IntN(3) {
		case 0:
			c.without(id)
		case 1:
			c.at(id).critical = critical
		default:
			c.at(id).value = one(b, octets([]byte{1, 2, 3}), octets(nil), sequence(tlv(0x80, []byte{1, 2, 3})), sequence(), null, nil)
		}
	}},
	{"an issuer and serial number as key identifier", func(b *bundle) {
		c := b.below()
		above := c.signer
		issuer := above.subject
		if above.signer != nil {
			issuer = above.signer.subject
		}
		directory := tlv(0xa1, tlv(0xa4, one(b, issuer, above.subject, name(0x0c, "Other"))))
		serial := tlv(0x82, one(b, above.serial[2:], []byte{7}))
		key := tlv(0x80, keyIdentifier(above.key))
		c.at(idAuthorityKey).value = one(b, sequence(key, directory, serial), sequence(directory, serial), sequence(serial), sequence(key, serial), sequence(directory), sequence(key, tlv(0xa1, text(0x82, "example.org")), serial))
	}},
	{"other alternative names", func(b *bundle) {
		address := func(tag byte, value string) []byte { return text(tag, value) }
		c := b.some()
		names := one(b, address(0x82, "example.org"), address(0x82, "*.example.org"), address(0x82, "-"), address(0x82, ""), address(0x82, "\xe4"), address(0x81, "a@example.org"), address(0x81, "none"), address(0x81, "\xe4"), address(0x86, "spiffe://cluster.local/ns/a/sa/b"), address(0x86, "spiffe://cluster.local"), address(0x86, "spiffe://trust_domain/x"), address(0x86, "https://example.org:8443/"), address(0x86, "https://[::1]/"), address(0x86, "https://exa mple.org/"), address(0x86, "%zz"), address(0x86, "urn:x"), address(0x86, "https://-.org/"), address(0x86, "https://user@example.org/?q#f"), address(0x86, "\xe4"), address(0x87, "\x0a\x00\x00\x01"), address(0x87, "\x0a\x00\x00"), address(0x87, "0123456789abcdef"), tlv(0xa4, name(0x0c, "Signer")), tlv(0xa0, oid(1, 2, 3), tlv(0xa0, text(0x0c, "other"))), tlv(0x88, []byte{42}), tlv(0xa3, sequence()), nil)
		more := one(b, nil, address(0x82, "istiod.istio-system.svc"))
		found := c.at(idNames)
		found.value, found.critical = sequence(names, more), isCritical(b)
	}},
	{"where revocations are", add(oid(2, 5, 29, 31), func(b *bundle) []byte {
		point := func(uri string) []byte { return sequence(tlv(0xa0, tlv(0xa0, text(0x86, uri)))) }
		return one(b, sequence(point("http://example.org/a.crl")), sequence(point("ldap:///CN=x"), point("http://example.org/b.crl")), sequence(sequence(tlv(0xa2, tlv(0xa4, name(0x0c, "Root"))))), sequence(sequence(tlv(0x81, []byte{1, 2}))), sequence(), sequence(sequence()), sequence(null), null, sequence(sequence(tlv(0xa0, text(0x86, "http://example.org")))), nil)
	})},
	{"where issuers are", add(oid(1, 3, 6, 1, 5, 5, 7, 1, 1), func(b *bundle) []byte {
		access := func(method []byte, where []byte) []byte { return sequence(method, where) }
		return one(b, sequence(access(oid(1, 3, 6, 1, 5, 5, 7, 48, 2), text(0x86, "http://example.org/a.cer"))), sequence(access(oid(1, 3, 6, 1, 5, 5, 7, 48, 1), tlv(0xa4, name(0x0c, "x")))), sequence(), sequence(sequence()), sequence(access(oid(1, 2, 3), null)), null, nil)
	})},
}

// pair is the first and the last moment.
type pair [2][]byte

func (p pair) split() ([]byte, []byte) { return p[0], p[1] }

func rewrite(can func(*element) bool, change func(*bundle, *element)) func(*bundle) {
	return func(b *bundle) {
		b.some().tbs = func(der []byte) []byte {
			return rewritten(der, b.Rand, can, func(e *element) { change(b, e) })
		}
	}
}

func signerOf(c *certificate) *certificate {
	if c.signer == nil {
		return c
	}
	return c.signer
}
