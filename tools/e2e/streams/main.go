// The port of a kubelet, for `kubectl port-forward` alone: streams PORTS CERTIFICATE KEY. It runs in the namespace of a node, and the file
// PORTS has a line for each pod: NAMESPACE NAME ADDRESS NETWORK-NAMESPACE.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
)

const (
	port         = ":10250"
	idle         = 4 * time.Hour
	creation     = 30 * time.Second
	columns      = 4
	netnsRoot    = "/run/netns/"
	pathElements = 3
)

type forwarder struct{ pods string }

// namespace returns where the pod's network is.
func (f forwarder) namespace(pod string) (string, error) {
	text, err := os.ReadFile(f.pods)
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(line)
		if len(words) == columns && words[0]+"/"+words[1] == pod {
			return words[3], nil
		}
	}
	return "", fmt.Errorf("no pod %s runs here", pod)
}

// dial connects to the pod's loopback, as a container runtime does.
func dial(netns string, number int32) (net.Conn, error) {
	// The thread ends with the goroutine, and with it what it has entered.
	runtime.LockOSThread()
	file, err := os.Open(netnsRoot + netns)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	connection, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", number), creation)
	if err != nil {
		connection, err = net.DialTimeout("tcp", fmt.Sprintf("[::1]:%d", number), creation)
	}
	return connection, err
}

func (f forwarder) PortForward(_ context.Context, pod string, _ string, number int32, stream io.ReadWriteCloser) error {
	netns, err := f.namespace(pod)
	if err != nil {
		return err
	}
	type result struct {
		connection net.Conn
		err        error
	}
	answer := make(chan result)
	go func() {
		connection, err := dial(netns, number)
		answer <- result{connection, err}
	}()
	got := <-answer
	if got.err != nil {
		return got.err
	}
	defer got.connection.Close()
	go func() {
		_, _ = io.Copy(got.connection, stream)
		if tcp, ok := got.connection.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
	}()
	_, err = io.Copy(stream, got.connection)
	return err
}

func main() {
	f := forwarder{os.Args[1]}
	http.HandleFunc("/portForward/", func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/portForward/"), "/")
		if len(parts) < 2 || len(parts) > pathElements {
			http.NotFound(w, r)
			return
		}
		options, err := portforward.NewV4Options(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		portforward.ServePortForward(w, r, f, parts[0]+"/"+parts[1], string(types.UID("")), options, idle, creation, portforward.SupportedProtocols)
	})
	log.Fatal(http.ListenAndServeTLS(port, os.Args[2], os.Args[3], nil))
}
