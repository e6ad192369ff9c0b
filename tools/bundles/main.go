// Makes bundles of certificates, most of them wrong in some way, and says of each whether istiod would sign with it and a workload's
// certificate would be accepted: with Go's crypto/x509, as istiod and its agents do.
// Usage: bundles DIRECTORY FIRST COUNT SEED: in the directory, NUMBER.yaml is the topology of NUMBER/east, and NUMBER.der a workload's certificate.
// One line of JSON for each bundle says its kind, when to verify it, what Go read, and why Go refuses it.
package main

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// verdict is what Go says of a bundle.
type verdict struct {
	Number  int    `json:"number"`
	Kind    string `json:"kind"`
	Moment  int64  `json:"moment"`
	Refused string `json:"refused"`
	// How many certificates Go reads in each file.
	Read map[string]int `json:"read"`
}

func main() {
	var numbers [3]int
	if len(os.Args) != 5 {
		fail("usage: bundles DIRECTORY FIRST COUNT SEED")
	}
	for position, word := range os.Args[2:] {
		number, err := strconv.Atoi(word)
		if err != nil {
			fail(err)
		}
		numbers[position] = number
	}
	directory, first, count, seed := os.Args[1], numbers[0], numbers[1], numbers[2]
	kinds := append(append([]kind{}, certificateKinds...), fileKinds...)
	made := keys{map[string]crypto.Signer{}}
	output := json.NewEncoder(os.Stdout)
	for number := first; number < first+count; number++ {
		b := whole(mathrand.New(mathrand.NewPCG(uint64(seed), uint64(number))), made)
		kind := kinds[number%len(kinds)]
		kind.change(b)
		files := b.files()
		write(filepath.Join(directory, fmt.Sprint(number), "east"), files)
		found := judge(files, b, filepath.Join(directory, fmt.Sprint(number)+".der"))
		found.Number, found.Kind = number, kind.name
		if err := os.WriteFile(filepath.Join(directory, fmt.Sprint(number)+".yaml"), []byte(topology(number)), 0o600); err != nil {
			fail(err)
		}
		if err := output.Encode(found); err != nil {
			fail(err)
		}
	}
}

func fail(why any) {
	fmt.Fprintln(os.Stderr, "error:", why)
	os.Exit(1)
}

func write(directory string, files map[string][]byte) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		fail(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(directory, name), text, 0o600); err != nil {
			fail(err)
		}
	}
}

// judge verifies a bundle, and writes a workload's certificate that its key signed.
func judge(files map[string][]byte, b *bundle, leaf string) verdict {
	found := verdict{Read: map[string]int{}}
	var faults []error
	for _, name := range names[:3] {
		count, err := readAll(files[name])
		found.Read[name] = count
		faults = append(faults, err)
	}
	moment := moment(b.signer.made)
	found.Moment = moment.Unix()
	faults = append(faults, verifyAsIstiod(files, moment))
	workload, err := mint(files, b, moment)
	faults = append(faults, err)
	if err == nil {
		faults = append(faults, verifyAsProxy(files, workload, moment))
		if err := os.WriteFile(leaf, workload, 0o600); err != nil {
			fail(err)
		}
	}
	if err := errors.Join(faults...); err != nil {
		found.Refused = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return found
}

// readAll reads every certificate of a file. istiod passes over those that it does not read, so that they are missing without a word.
func readAll(text []byte) (int, error) {
	count := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" || len(block.Headers) > 0 {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return count, err
		}
		count++
	}
	return count, nil
}

func pools(files map[string][]byte) (roots, chain *x509.CertPool) {
	roots, chain = x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM(files["root-cert.pem"])
	chain.AppendCertsFromPEM(files["cert-chain.pem"])
	return roots, chain
}

// verifyAsIstiod is Verify and ParsePemEncodedKey of 1.30.3:security/pkg/pki/util, at a moment of its own.
func verifyAsIstiod(files map[string][]byte, moment time.Time) error {
	certificate, err := first(files["ca-cert.pem"])
	if err != nil {
		return err
	}
	roots, chain := pools(files)
	if _, err := certificate.Verify(x509.VerifyOptions{Roots: roots, Intermediates: chain, CurrentTime: moment}); err != nil {
		return err
	}
	if _, err := readKey(files["ca-key.pem"]); err != nil {
		return err
	}
	_, err = tls.X509KeyPair(files["ca-cert.pem"], files["ca-key.pem"])
	return err
}

func first(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

func readKey(text []byte) (any, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM in the key's file")
	}
	switch block.Type {
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		return x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("a key of type %s", block.Type)
	}
}

// mint signs a workload's certificate as istiod does: from the certificate and the key of the files.
func mint(files map[string][]byte, b *bundle, moment time.Time) ([]byte, error) {
	identity := &url.URL{Scheme: "spiffe", Host: "cluster.local", Path: "/ns/shop/sa/default"}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), NotBefore: moment.Add(-time.Minute), NotAfter: moment.Add(time.Hour), Subject: pkix.Name{},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, URIs: []*url.URL{identity},
	}
	certificate, err := first(files["ca-cert.pem"])
	if err != nil {
		return nil, err
	}
	key, err := readKey(files["ca-key.pem"])
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key that does not sign: %T", key)
	}
	return x509.CreateCertificate(rand.Reader, template, certificate, b.keys.ec(elliptic.P256(), "workload").Public(), signer)
}

// verifyAsProxy verifies a workload as a server and as a client. It sends its certificate and the chain.
func verifyAsProxy(files map[string][]byte, workload []byte, moment time.Time) error {
	certificate, err := x509.ParseCertificate(workload)
	if err != nil {
		return err
	}
	roots, chain := pools(files)
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		options := x509.VerifyOptions{Roots: roots, Intermediates: chain, CurrentTime: moment, KeyUsages: []x509.ExtKeyUsage{usage}}
		if _, err := certificate.Verify(options); err != nil {
			return fmt.Errorf("a workload: %w", err)
		}
	}
	return nil
}
