// Verifies a certificate chain as istiod does: with Go's crypto/x509.
// Usage: chain DIRECTORY LEAF: root-cert.pem, ca-cert.pem and cert-chain.pem in the directory, and a certificate that its key signed.
// Or: chain accepts DIRECTORY OTHER: whether who trusts the roots in the one directory accepts the authority in the other; it says yes or no.
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

func certificate(directory, file string) *x509.Certificate {
	block, _ := pem.Decode(read(directory, file))
	if block == nil {
		fail(directory, fmt.Errorf("%s: no PEM", file))
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		fail(directory, err)
	}
	return certificate
}

// The authority of other, what it is verified with by the roots of directory, and why these refuse it.
func verify(directory, other string) (*x509.Certificate, x509.VerifyOptions, error) {
	roots, chain := x509.NewCertPool(), x509.NewCertPool()
	if !roots.AppendCertsFromPEM(read(directory, "root-cert.pem")) || !chain.AppendCertsFromPEM(read(other, "cert-chain.pem")) {
		fail(directory, fmt.Errorf("no certificates"))
	}
	authority := certificate(other, "ca-cert.pem")
	options := x509.VerifyOptions{
		Roots: roots, Intermediates: chain, CurrentTime: authority.NotBefore.AddDate(0, 0, 1),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	_, err := authority.Verify(options)
	return authority, options, err
}

func accepts(directory, other string) {
	if _, _, err := verify(directory, other); err != nil {
		fmt.Println("no")
	} else {
		fmt.Println("yes")
	}
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == "accepts" {
		accepts(os.Args[2], os.Args[3])
		return
	}
	if len(os.Args) != 3 {
		fail("usage", fmt.Errorf("chain DIRECTORY LEAF, or chain accepts DIRECTORY OTHER"))
	}
	directory, leaf := os.Args[1], os.Args[2]
	authority, options, err := verify(directory, directory)
	if err != nil {
		fail(directory, err)
	}
	if !authority.IsCA || authority.CheckSignatureFrom(authority) == nil {
		fail(directory, fmt.Errorf("no intermediate authority"))
	}
	workload := certificate(filepath.Dir(leaf), filepath.Base(leaf))
	options.CurrentTime = workload.NotBefore.AddDate(0, 0, 1)
	// openssl signs from now on; an intermediate whose days are others can be asked for the signature alone.
	if options.CurrentTime.Before(authority.NotBefore) || options.CurrentTime.After(authority.NotAfter) {
		if err := workload.CheckSignatureFrom(authority); err != nil {
			fail(leaf, err)
		}
		return
	}
	chains, err := workload.Verify(options)
	if err != nil {
		fail(leaf, err)
	}
	if len(chains) != 1 || len(chains[0]) != 3 {
		fail(leaf, fmt.Errorf("not one chain of workload, intermediate and root"))
	}
}
