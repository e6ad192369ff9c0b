// Verifies a certificate chain as istiod does: with Go's crypto/x509.
// Usage: chain DIRECTORY... with root-cert.pem, ca-cert.pem and cert-chain.pem in each.
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
)

func read(directory, file string) []byte {
	bytes, err := os.ReadFile(filepath.Join(directory, file))
	if err != nil {
		fail(directory, err)
	}
	return bytes
}

func fail(directory string, err error) {
	fmt.Fprintf(os.Stderr, "error: %s: %v\n", directory, err)
	os.Exit(1)
}

func main() {
	for _, directory := range os.Args[1:] {
		roots, chain := x509.NewCertPool(), x509.NewCertPool()
		if !roots.AppendCertsFromPEM(read(directory, "root-cert.pem")) || !chain.AppendCertsFromPEM(read(directory, "cert-chain.pem")) {
			fail(directory, fmt.Errorf("no certificates"))
		}
		block, _ := pem.Decode(read(directory, "ca-cert.pem"))
		if block == nil {
			fail(directory, fmt.Errorf("no PEM"))
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			fail(directory, err)
		}
		options := x509.VerifyOptions{Roots: roots, Intermediates: chain, CurrentTime: certificate.NotBefore.AddDate(0, 0, 1)}
		if _, err := certificate.Verify(options); err != nil {
			fail(directory, err)
		}
		if !certificate.IsCA || certificate.CheckSignatureFrom(certificate) == nil {
			fail(directory, fmt.Errorf("no intermediate authority"))
		}
	}
}
