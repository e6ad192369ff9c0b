package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
)

func isRSA(key crypto.Signer) bool {
	_, ok := key.(*rsa.PrivateKey)
	return ok
}

// olderKeyBlock is a private key as programs wrote it before PKCS #8.
func olderKeyBlock(key crypto.Signer) *pem.Block {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			panic(err)
		}
		return &pem.Block{Type: "EC PRIVATE KEY", Bytes: der}
	default:
		return keyBlock(key, false)
	}
}

const begin, end = "-----BEGIN ", "-----END "

// changedText changes the bytes of some file, or of all.
func changedText(change func(*bundle, []byte) []byte) func(*bundle) {
	return func(b *bundle) {
		b.texts = func(files map[string][]byte) {
			chosen := []string{one(b, names...)}
			if b.IntN(4) == 0 {
				chosen = names
			}
			for _, name := range chosen {
				files[name] = change(b, files[name])
			}
		}
	}
}

func replaced(old, new string, times int) func([]byte) []byte {
	return func(text []byte) []byte { return bytes.Replace(text, []byte(old), []byte(new), times) }
}

// inserted is a text with more before a line of its own choosing.
func inserted(b *bundle, text []byte, more string) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	at := b.IntN(len(lines))
	return bytes.Join(append(append(append([][]byte{}, lines[:at]...), []byte(more)), lines[at:]...), nil)
}

var fileKinds = []kind{
	{"text around blocks", changedText(func(b *bundle, text []byte) []byte {
		more := one(b, "subject=CN = Signer\n", "# comment\n", "Certificate:\n    Data:\n        Version: 3 (0x2)\n", "\n", "\n\n", " \n", "\t\n", "\xef\xbb\xbf", "\x00", "\xe4\n", "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", "a:b\n", "=====\n", "--\n")
		switch b.IntN(3) {
		case 0:
			return append([]byte(more), text...)
		case 1:
			return append(append([]byte{}, text...), more...)
		default:
			return replaced("-----\n"+begin, "-----\n"+more+begin, -1)(text)
		}
	})},
	{"text inside of blocks", changedText(func(b *bundle, text []byte) []byte {
		return inserted(b, text, one(b, "\n", " ", " \n", "\t", "Proc-Type: 4,ENCRYPTED\n", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n", "Comment: mine\n\n", "a: b\n", "=", "A", "-", "\r", "\r\n", "\x00", "\xe4", "#", "-----"))
	})},
	{"other ends of lines", changedText(func(b *bundle, text []byte) []byte {
		switch b.IntN(6) {
		case 0:
			return replaced("\n", "\r\n", -1)(text)
		case 1:
			return replaced("\n", "\r", -1)(text)
		case 2:
			return replaced("\n", "\r\n", 1+b.IntN(20))(text)
		case 3:
			return replaced("\n", " \n", -1)(text)
		case 4:
			return replaced("\n", "\n\n", -1)(text)
		default:
			return replaced("\n", one(b, "\n ", "\v\n", "\r\r\n"), 1+b.IntN(30))(text)
		}
	})},
	{"no end of the line", changedText(func(b *bundle, text []byte) []byte {
		return one(b, func(text []byte) []byte { return bytes.TrimRight(text, "\n") }, replaced("-----\n"+begin, "-----"+begin, -1), replaced("\n"+end, end, 1), replaced("CERTIFICATE-----\n", "CERTIFICATE-----", 1), replaced("-----\n", "----- \n", -1), replaced("-----\n", "-----x\n", 1))(text)
	})},
	{"another label", changedText(func(b *bundle, text []byte) []byte {
		label := one(b, "TRUSTED CERTIFICATE", "X509 CERTIFICATE", "certificate", "CERTIFICATE ", "PKCS7", "EC PRIVATE KEY", "ANY PRIVATE KEY", "")
		changed := replaced(begin+one(b, "CERTIFICATE", "PRIVATE KEY"), begin+label, one(b, 1, -1))(text)
		if b.IntN(3) == 0 {
			return changed
		}
		return replaced(end+one(b, "CERTIFICATE", "PRIVATE KEY"), end+label, -1)(changed)
	})},
	{"other dashes", changedText(func(b *bundle, text []byte) []byte {
		return one(b, replaced("-----BEGIN", "----BEGIN", 1), replaced("-----BEGIN", "------BEGIN", 1), replaced("-----BEGIN", " -----BEGIN", 1), replaced("-----BEGIN ", "-----BEGIN  ", 1), replaced("-----END", "------END", 1), replaced("-----END", "-----end", 1), replaced("BEGIN CERT", "BEGIN  CERT", 1))(text)
	})},
	{"other lines", changedText(func(b *bundle, text []byte) []byte {
		width := one(b, 1, 32, 60, 63, 65, 72, 76, 80, 200, 1<<16)
		var changed []byte
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			encoded := bytes.ReplaceAll(pem.EncodeToMemory(block), []byte("\n"), nil)
			head, tail := len(begin+block.Type+"-----"), len(end+block.Type+"-----")
			changed = append(append(changed, encoded[:head]...), '\n')
			for body := encoded[head : len(encoded)-tail]; len(body) > 0; {
				cut := min(width, len(body))
				changed = append(append(changed, body[:cut]...), '\n')
				body = body[cut:]
			}
			changed = append(append(changed, encoded[len(encoded)-tail:]...), '\n')
		}
		return changed
	})},
	{"odd base64", changedText(func(b *bundle, text []byte) []byte {
		return one(b, replaced("=\n", "\n", 1), replaced("\n"+end, "=\n"+end, 1), replaced("\n"+end, "====\n"+end, 1), replaced("==\n", "=\n=\n", 1), replaced("A", "-", 1), replaced("g==\n", "h==\n", -1), replaced("Q==\n", "R==\n", -1), replaced("w==\n", "x==\n", -1), replaced("=\n"+end, "=A\n"+end, -1), replaced("+", "-", -1), replaced("/", "_", -1), replaced("\n"+end, "\n=\n"+end, -1))(text)
	})},
	{"a byte of a file", changedText(func(b *bundle, text []byte) []byte { return scratched(text, b.Rand) })},
	{"a file cut short", changedText(func(b *bundle, text []byte) []byte { return text[:b.IntN(len(text))] })},
	{"further blocks", changedText(func(b *bundle, text []byte) []byte {
		other := pem.EncodeToMemory(one(b, keyBlock(b.keys.ec(elliptic.P256(), "other"), false), keyBlock(b.keys.ec(elliptic.P256(), "other"), true), &pem.Block{Type: "EC PARAMETERS", Bytes: oid(1, 2, 840, 10045, 3, 1, 7)}, &pem.Block{Type: "DH PARAMETERS", Bytes: sequence(number(2, 7), number(2, 2))}, &pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}}, &pem.Block{Type: "CERTIFICATE"}, &pem.Block{Type: "CERTIFICATE", Bytes: b.root.made}, &pem.Block{Type: "CERTIFICATE", Bytes: b.signer.made}, &pem.Block{Type: "X509 CRL", Bytes: sequence()}, &pem.Block{Type: "NOTES", Bytes: []byte("notes")}))
		if b.IntN(2) == 0 {
			return append(other, text...)
		}
		return append(append([]byte{}, text...), other...)
	})},
	{"keys beside the key", func(b *bundle) {
		mine, other := keyBlock(b.signer.private, b.IntN(2) == 0), keyBlock(b.keys.ec(elliptic.P256(), "other"), b.IntN(2) == 0)
		b.key = one(b, []*pem.Block{mine, other}, []*pem.Block{other, mine}, []*pem.Block{mine, mine}, []*pem.Block{other}, []*pem.Block{mine, {Type: "CERTIFICATE", Bytes: b.root.key}})
	}},
	{"an odd key", func(b *bundle) {
		block := keyBlock(b.signer.private, b.IntN(2) == 0)
		der := append([]byte{}, block.Bytes...)
		switch b.IntN(8) {
		case 0:
			block.Bytes = flipped(der, b.Rand)
		case 1:
			block.Bytes = scratched(der, b.Rand)
		case 2:
			block.Bytes = append(der, null...)
		case 3:
			block.Type = one(b, "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PUBLIC KEY")
		case 4:
			block.Bytes = rewritten(der, b.Rand, isAnything, func(e *element) { e.long = true })
		case 5:
			block.Bytes = rewritten(der, b.Rand, isLeaf, func(e *element) { e.content = flipped(e.content, b.Rand) })
		case 6:
			block.Bytes = rewritten(der, b.Rand, hasChildren, func(e *element) { e.children = e.children[:len(e.children)-1] })
		default:
			block.Headers = map[string]string{"Comment": "mine"}
		}
		b.key = []*pem.Block{block}
	}},
	{"another order", func(b *bundle) {
		whole := []*certificate{b.signer, b.root}
		if b.middle != nil {
			whole = append(whole, b.middle)
		}
		b.Shuffle(len(whole), func(i, j int) { whole[i], whole[j] = whole[j], whole[i] })
		b.chain = whole[:1+b.IntN(len(whole))]
	}},
	{"certificates in other files", func(b *bundle) {
		middle := b.middle
		if middle == nil {
			middle = b.signer
		}
		switch b.IntN(6) {
		case 0:
			b.own = []*certificate{b.signer, middle}
		case 1:
			b.own = []*certificate{middle, b.signer}
		case 2:
			b.roots = []*certificate{b.root, middle}
		case 3:
			b.roots = []*certificate{middle}
		case 4:
			b.roots, b.chain = []*certificate{b.signer}, []*certificate{b.signer}
		default:
			b.chain = []*certificate{b.signer, middle, middle, b.root, b.root}
		}
	}},
	{"the root signs", func(b *bundle) {
		b.middle, b.signer = nil, b.root
		b.others = nil
	}},
	{"a stranger in the chain", func(b *bundle) {
		stranger := authority("Stranger", b.keys.ec(elliptic.P256(), "stranger"), one(b, nil, b.root))
		b.others = append(b.others, stranger)
		b.chain = []*certificate{b.signer, stranger}
		if b.middle != nil {
			b.chain = one(b, []*certificate{b.signer, b.middle, stranger}, []*certificate{b.signer, stranger, b.middle})
		}
		if b.IntN(2) == 0 {
			b.chain = append(b.chain, b.root)
		}
	}},
	{"several roots", func(b *bundle) {
		what := one(b, "Root", "Root", "ROOT", "Other Root", "Middle", "Signer")
		key := b.keys.ec(elliptic.P256(), "second")
		if b.IntN(4) == 0 {
			key = b.root.private
		}
		second := authority(what, key, nil)
		switch b.IntN(6) {
		case 0:
			second.without(idSubjectKey)
		case 1:
			second.at(idConstraints).value = sequence([]byte{1, 1, 0xff}, number(2, 0))
		case 2:
			second.notBefore, second.notAfter = text(0x17, "200101000000Z"), text(0x17, "210101000000Z")
		case 3:
			second.at(idConstraints).value = sequence()
		}
		if b.IntN(3) == 0 {
			b.signer.without(idAuthorityKey)
			b.signer.without(idSubjectKey)
		}
		b.others = append(b.others, second)
		b.roots = one(b, []*certificate{b.root, second}, []*certificate{second, b.root}, []*certificate{second})
	}},
	{"a root that another one signs", func(b *bundle) {
		second := authority("Second Root", b.keys.ec(elliptic.P256(), "second"), nil)
		cross := authority("Root", b.root.private, second)
		second.make()
		b.others = append(b.others, cross)
		b.chain = []*certificate{b.signer}
		if b.middle != nil {
			b.chain = append(b.chain, b.middle)
		}
		b.chain = append(b.chain, cross)
		b.roots = one(b, []*certificate{b.root}, []*certificate{second}, []*certificate{b.root, second}, []*certificate{second, b.root})
		if b.IntN(2) == 0 {
			b.chain = append(b.chain, second)
		}
	}},
	{"the same name above and below", func(b *bundle) {
		b.signer.subject = one(b, b.signer.signer.subject, b.root.subject)
		if b.IntN(2) == 0 {
			b.signer.without(idSubjectKey)
		}
		if b.IntN(2) == 0 {
			b.signer.without(idAuthorityKey)
		}
	}},
}
