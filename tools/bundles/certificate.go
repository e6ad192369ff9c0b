package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"math/big"
)

// extension is an extension of a certificate: the value is DER, and critical is the DER of the flag or nothing.
type extension struct {
	id, critical, value []byte
}

var critical = []byte{1, 1, 0xff}

// certificate describes a certificate. Each part is DER, so that each can be wrong.
type certificate struct {
	version, serial, inner, outer, issuer, notBefore, notAfter, subject, key, unique []byte
	extensions                                                                       []extension
	private                                                                          crypto.Signer
	hash                                                                             crypto.Hash
	signer                                                                           *certificate
	// tbs changes what is signed, signature the signature, and der the whole.
	tbs, signature, der func([]byte) []byte
	made                []byte
}

func same(der []byte) []byte { return der }

var (
	ecdsaWith = map[crypto.Hash][]byte{
		crypto.SHA1: oid(1, 2, 840, 10045, 4, 1), crypto.SHA224: oid(1, 2, 840, 10045, 4, 3, 1), crypto.SHA256: oid(1, 2, 840, 10045, 4, 3, 2),
		crypto.SHA384: oid(1, 2, 840, 10045, 4, 3, 3), crypto.SHA512: oid(1, 2, 840, 10045, 4, 3, 4), crypto.MD5: oid(1, 2, 840, 10045, 4, 1),
	}
	rsaWith = map[crypto.Hash][]byte{
		crypto.MD5: oid(1, 2, 840, 113549, 1, 1, 4), crypto.SHA1: oid(1, 2, 840, 113549, 1, 1, 5), crypto.SHA224: oid(1, 2, 840, 113549, 1, 1, 14),
		crypto.SHA256: oid(1, 2, 840, 113549, 1, 1, 11), crypto.SHA384: oid(1, 2, 840, 113549, 1, 1, 12), crypto.SHA512: oid(1, 2, 840, 113549, 1, 1, 13),
	}
)

// algorithm is how a key signs with a digest.
func algorithm(key crypto.Signer, hash crypto.Hash) []byte {
	switch key.(type) {
	case *ecdsa.PrivateKey:
		return sequence(ecdsaWith[hash])
	case *rsa.PrivateKey:
		return sequence(rsaWith[hash], null)
	default:
		return sequence(oid(1, 3, 101, 112))
	}
}

func sign(key crypto.Signer, hash crypto.Hash, message []byte) []byte {
	if _, ok := key.(ed25519.PrivateKey); ok {
		hash = 0
	} else {
		digest := hash.New()
		digest.Write(message)
		message = digest.Sum(nil)
	}
	// No randomness: ECDSA signs as RFC 6979 says, the others are deterministic anyway.
	signature, err := key.Sign(nil, message, hash)
	if err != nil {
		panic(err)
	}
	return signature
}

// make gives the certificate's DER. Those above it were made before.
func (c *certificate) make() []byte {
	signer := c.signer
	if signer == nil {
		signer = c
	}
	issuer, inner := c.issuer, c.inner
	if issuer == nil {
		issuer = signer.subject
	}
	if inner == nil {
		inner = algorithm(signer.private, c.hash)
	}
	outer := c.outer
	if outer == nil {
		outer = inner
	}
	var list []byte
	for _, one := range c.extensions {
		list = append(list, sequence(one.id, one.critical, octets(one.value))...)
	}
	var extensions []byte
	if c.extensions != nil {
		extensions = tlv(0xa3, sequence(list))
	}
	tbs := c.tbs(sequence(c.version, c.serial, inner, issuer, sequence(c.notBefore, c.notAfter), c.subject, c.key, c.unique, extensions))
	signature := c.signature(bits(sign(signer.private, c.hash, tbs)))
	c.made = c.der(sequence(tbs, outer, signature))
	return c.made
}

// at gives the extension with an identifier, or a new one.
func (c *certificate) at(id []byte) *extension {
	for position := range c.extensions {
		if string(c.extensions[position].id) == string(id) {
			return &c.extensions[position]
		}
	}
	c.extensions = append(c.extensions, extension{id: id})
	return &c.extensions[len(c.extensions)-1]
}

func (c *certificate) without(id []byte) {
	var kept []extension
	for _, one := range c.extensions {
		if string(one.id) != string(id) {
			kept = append(kept, one)
		}
	}
	c.extensions = kept
}

func (c *certificate) use(key crypto.Signer) {
	c.private, c.key = key, publicKey(key)
	c.at(idSubjectKey).value = octets(keyIdentifier(c.key))
}

func publicKey(key crypto.Signer) []byte {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	return der
}

func keyIdentifier(key []byte) []byte {
	digest := sha256.Sum256(key)
	return digest[:20]
}

// keys are the same in every run. RSA keys are few, because finding them takes long.
type keys struct{ made map[string]crypto.Signer }

func (k keys) get(name string, find func() crypto.Signer) crypto.Signer {
	if k.made[name] == nil {
		k.made[name] = find()
	}
	return k.made[name]
}

func stream(name string, size int) []byte {
	var bytes []byte
	for count := uint64(0); len(bytes) < size; count++ {
		block := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(name), count))
		bytes = append(bytes, block[:]...)
	}
	return bytes[:size]
}

func (k keys) ec(curve elliptic.Curve, name string) crypto.Signer {
	name = curve.Params().Name + name
	return k.get(name, func() crypto.Signer {
		scalar := new(big.Int).SetBytes(stream(name, 80))
		order := new(big.Int).Sub(curve.Params().N, big.NewInt(1))
		scalar.Mod(scalar, order).Add(scalar, big.NewInt(1))
		key, err := ecdsa.ParseRawPrivateKey(curve, scalar.FillBytes(make([]byte, (curve.Params().BitSize+7)/8)))
		if err != nil {
			panic(err)
		}
		return key
	})
}

func (k keys) ed25519(name string) crypto.Signer {
	return k.get("ed25519"+name, func() crypto.Signer { return ed25519.NewKeyFromSeed(stream(name, 32)) })
}

func (k keys) rsa(bits int, exponent int64, name string) crypto.Signer {
	name = big.NewInt(int64(bits)).String() + "/" + big.NewInt(exponent).String() + name
	return k.get(name, func() crypto.Signer {
		one, e := big.NewInt(1), big.NewInt(exponent)
		p, q := prime(bits/2, e, name+"p"), prime(bits/2, e, name+"q")
		pMinus, qMinus := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
		d := new(big.Int).ModInverse(e, new(big.Int).Mul(pMinus, qMinus))
		key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: int(exponent)}, D: d, Primes: []*big.Int{p, q}}
		key.Precompute()
		return key
	})
}

// prime has its two highest bits set, and p - 1 has no factor in common with the exponent.
func prime(bits int, exponent *big.Int, name string) *big.Int {
	candidate := new(big.Int).SetBytes(stream(name, bits/8))
	candidate.SetBit(candidate, bits-1, 1).SetBit(candidate, bits-2, 1).SetBit(candidate, 0, 1)
	for {
		minus := new(big.Int).Sub(candidate, big.NewInt(1))
		if new(big.Int).GCD(nil, nil, minus, exponent).Cmp(big.NewInt(1)) == 0 && candidate.ProbablyPrime(20) {
			return candidate
		}
		candidate.Add(candidate, big.NewInt(2))
	}
}
