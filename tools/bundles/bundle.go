package main

import (
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

var (
	idSubjectKey   = oid(2, 5, 29, 14)
	idKeyUsage     = oid(2, 5, 29, 15)
	idNames        = oid(2, 5, 29, 17)
	idConstraints  = oid(2, 5, 29, 19)
	idAuthorityKey = oid(2, 5, 29, 35)
	idUsages       = oid(2, 5, 29, 37)
	idCommonName   = oid(2, 5, 4, 3)
	idOrganization = oid(2, 5, 4, 10)
)

// The days of every bundle; those who verify are told to do it between them.
const firstDay, lastDay = "250101000000Z", "350101000000Z"

// bundle describes the files of one cluster.
type bundle struct {
	*rand.Rand
	keys keys
	// root signs the middle, which may be missing, and that the signer.
	root, middle, signer *certificate
	// Further certificates, each after what signs it.
	others []*certificate
	// The certificates of the files, once they are known.
	roots, chain, own []*certificate
	// The blocks of the key's file.
	key []*pem.Block
	// texts changes the files' bytes.
	texts func(files map[string][]byte)
}

func text(tag byte, value string) []byte { return tlv(tag, []byte(value)) }

// name is a name with an organisation and a common name, the latter in some kind of string.
func name(tag byte, value string) []byte {
	return sequence(tlv(0x31, sequence(idOrganization, text(0x0c, "Company"))), tlv(0x31, sequence(idCommonName, text(tag, value))))
}

func authority(what string, key crypto.Signer, signer *certificate) *certificate {
	serial := stream("serial of "+what, 16)
	serial[0] = serial[0]&0x7f | 0x40
	c := &certificate{
		version: tlv(0xa0, []byte{2, 1, 2}), serial: tlv(2, serial), hash: crypto.SHA256, subject: name(0x0c, what), signer: signer,
		notBefore: text(0x17, firstDay), notAfter: text(0x17, lastDay), tbs: same, signature: same, der: same,
	}
	c.at(idConstraints).value, c.at(idConstraints).critical = sequence([]byte{1, 1, 0xff}), critical
	c.at(idKeyUsage).value, c.at(idKeyUsage).critical = []byte{3, 2, 1, 6}, critical
	c.use(key)
	if signer != nil {
		c.at(idAuthorityKey).value = sequence(tlv(0x80, keyIdentifier(signer.key)))
	}
	return c
}

// whole is a bundle without a fault, of some shape.
func whole(r *rand.Rand, made keys) *bundle {
	b := &bundle{Rand: r, keys: made, texts: func(map[string][]byte) {}}
	b.root = authority("Root", b.someKey("root"), nil)
	above := b.root
	if r.IntN(2) == 0 {
		b.middle = authority("Middle", b.someKey("middle"), b.root)
		above = b.middle
	}
	b.signer = authority("Signer", b.someKey("signer"), above)
	b.signer.at(idNames).value = sequence(tlv(0x82, []byte("istiod.istio-system.svc")))
	switch r.IntN(4) {
	case 0:
		b.signer.at(idConstraints).value = sequence([]byte{1, 1, 0xff}, []byte{2, 1, 0})
	case 1:
		b.signer.without(idAuthorityKey)
	case 2:
		b.root.at(idAuthorityKey).value = sequence(tlv(0x80, keyIdentifier(b.root.key)))
	}
	return b
}

func (b *bundle) someKey(what string) crypto.Signer {
	switch b.IntN(8) {
	case 0:
		return b.keys.ec(elliptic.P384(), what)
	case 1:
		return b.keys.rsa(2048, 65537, what)
	default:
		return b.keys.ec(elliptic.P256(), what)
	}
}

// some is one of the certificates between root and signer, both included.
func (b *bundle) some() *certificate {
	all := []*certificate{b.root, b.signer}
	if b.middle != nil {
		all = append(all, b.middle, b.middle)
	}
	return all[b.IntN(len(all))]
}

// below is one of the certificates that another one signed.
func (b *bundle) below() *certificate {
	if b.middle != nil && b.IntN(2) == 0 {
		return b.middle
	}
	return b.signer
}

// settle says which certificates are in which file, as they are if nobody says otherwise.
func (b *bundle) settle() {
	if b.roots == nil {
		b.roots = []*certificate{b.root}
	}
	if b.own == nil {
		b.own = []*certificate{b.signer}
	}
	if b.chain == nil {
		b.chain = []*certificate{b.signer}
		if b.middle != nil {
			b.chain = append(b.chain, b.middle)
		}
		if b.IntN(3) != 0 {
			b.chain = append(b.chain, b.root)
		}
	}
	if b.key == nil {
		b.key = []*pem.Block{keyBlock(b.signer.private, b.IntN(2) == 0)}
	}
}

// keyBlock is a private key in PKCS #8, or in the older form of its kind.
func keyBlock(key crypto.Signer, older bool) *pem.Block {
	if older {
		return olderKeyBlock(key)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return &pem.Block{Type: "PRIVATE KEY", Bytes: der}
}

var names = []string{"root-cert.pem", "ca-cert.pem", "cert-chain.pem", "ca-key.pem"}

// files makes everything, and gives the bytes of each file.
func (b *bundle) files() map[string][]byte {
	for _, one := range append([]*certificate{b.root, b.middle, b.signer}, b.others...) {
		if one != nil && one.made == nil {
			one.make()
		}
	}
	b.settle()
	files := map[string][]byte{}
	for position, certificates := range [][]*certificate{b.roots, b.own, b.chain} {
		var text []byte
		for _, one := range certificates {
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: one.made})...)
		}
		files[names[position]] = text
	}
	for _, block := range b.key {
		files["ca-key.pem"] = append(files["ca-key.pem"], pem.EncodeToMemory(block)...)
	}
	b.texts(files)
	return files
}

// moment is inside of the validity of the signer as it is described, or as it is read where it can be.
func moment(signer []byte) time.Time {
	if c, err := x509.ParseCertificate(signer); err == nil && c.NotBefore.Before(c.NotAfter) {
		return c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore) / 2)
	}
	return time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC)
}

// kind is one way to make a bundle other than it should be.
type kind struct {
	name   string
	change func(*bundle)
}

func topology(number int) string {
	return strings.ReplaceAll(`apiVersion: meshgen/v1
kind: Topology
mesh: {id: mesh1}
istio: {version: 1.30.3}
certificates: {authority: external, directory: "NUMBER"}
networks: [{name: network1}]
clusters:
  - {name: east, network: network1, apiServer: "https://10.0.0.1:6443"}
`, "NUMBER", fmt.Sprint(number))
}
