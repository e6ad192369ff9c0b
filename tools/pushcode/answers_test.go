// Package pushcode asks istiod's own push code what it tells proxies. It is compiled inside a copy of Istio's sources
// (tools/pushcode/run), because nothing else has the packages of its tests.
package pushcode

import (
	"encoding/json"
	"os"
	"sort"
	"strconv"
	"testing"

	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	meshconfig "istio.io/api/mesh/v1alpha1"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/cluster"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/network"
	"istio.io/istio/pkg/util/protomarshal"
)

// A control plane, with what it reads.
type controlPlane struct {
	Name string
	// The cluster that it runs in.
	Primary string
	// Objects of each cluster that it has credentials of, and of its own, in YAML.
	Objects map[string]string
	// The configuration in its own cluster, in YAML.
	Configuration string
	MeshConfig    string
	MeshNetworks  string
	Proxies       []proxy
}

// A proxy that asks.
type proxy struct {
	Name      string
	Cluster   string
	Network   string
	Namespace string
	Address   string
	IsGateway bool
}

// What a proxy is told.
type answer struct {
	// The endpoints of each cluster of Envoy.
	Endpoints map[string][]string
	// The server names of the chains on port 15443.
	Chains []string
	// The beginnings of the names that a sidecar takes from callers.
	Callers []string
}

func TestAnswers(t *testing.T) {
	questions, err := os.ReadFile(os.Getenv("QUESTIONS"))
	if err != nil {
		t.Skip("QUESTIONS names no file")
	}
	var planes []controlPlane
	if err := json.Unmarshal(questions, &planes); err != nil {
		t.Fatal(err)
	}
	answers := map[string]map[string]answer{}
	for _, plane := range planes {
		t.Run(plane.Name, func(t *testing.T) {
			answers[plane.Name] = ask(t, plane)
		})
	}
	text, err := json.Marshal(answers)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(os.Getenv("ANSWERS"), text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, plane controlPlane) map[string]answer {
	config, err := mesh.ApplyMeshConfigDefaults(plane.MeshConfig)
	if err != nil {
		t.Fatal(err)
	}
	networks := &meshconfig.MeshNetworks{}
	if plane.MeshNetworks != "" {
		if err := protomarshal.ApplyJSON(plane.MeshNetworks, networks); err != nil {
			t.Fatal(err)
		}
	}
	objects := map[cluster.ID]string{}
	for name, text := range plane.Objects {
		objects[cluster.ID(name)] = text
	}
	server := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		DefaultClusterName:              cluster.ID(plane.Primary),
		KubernetesObjectStringByCluster: objects,
		ConfigString:                    plane.Configuration,
		MeshConfig:                      config,
		NetworksWatcher:                 meshwatcher.NewFixedNetworksWatcher(networks),
	})
	server.EnsureSynced(t)
	answers := map[string]answer{}
	for _, asking := range plane.Proxies {
		answers[asking.Name] = told(server, asking)
	}
	return answers
}

func told(server *xds.FakeDiscoveryServer, asking proxy) answer {
	labels := map[string]string{"app": asking.Name}
	kind := model.SidecarProxy
	if asking.IsGateway {
		kind = model.Router
		labels = map[string]string{
			"istio": "eastwestgateway", "app": "istio-eastwestgateway", "topology.istio.io/network": asking.Network,
		}
	}
	node := &model.Proxy{
		ID:          asking.Name + "." + asking.Namespace,
		Type:        kind,
		IPAddresses: []string{asking.Address},
		Labels:      labels,
		Metadata: &model.NodeMetadata{
			Namespace: asking.Namespace,
			ClusterID: cluster.ID(asking.Cluster),
			Network:   network.ID(asking.Network),
			Labels:    labels,
		},
		ConfigNamespace: asking.Namespace,
	}
	if asking.IsGateway {
		node.Metadata.RequestedNetworkView = []string{asking.Network}
	}
	node = server.SetupProxy(node)
	told := answer{Endpoints: map[string][]string{}}
	for _, assignment := range server.Endpoints(node) {
		told.Endpoints[assignment.ClusterName] = addresses(assignment)
	}
	if !asking.IsGateway {
		told.Callers = callers(server.Listeners(node))
		return told
	}
	for _, one := range server.Listeners(node) {
		if one.GetAddress().GetSocketAddress().GetPortValue() != 15443 {
			continue
		}
		for _, chain := range one.FilterChains {
			told.Chains = append(told.Chains, chain.GetFilterChainMatch().GetServerNames()...)
		}
	}
	sort.Strings(told.Chains)
	return told
}

// callers reads which names the chains for mutual TLS of incoming connections ask for.
func callers(listeners []*listener.Listener) []string {
	found := map[string]bool{}
	for _, one := range listeners {
		for _, chain := range one.FilterChains {
			context := &tls.DownstreamTlsContext{}
			if config := chain.GetTransportSocket().GetTypedConfig(); config == nil || config.UnmarshalTo(context) != nil {
				continue
			}
			validation := context.GetCommonTlsContext().GetCombinedValidationContext().GetDefaultValidationContext()
			for _, name := range validation.GetMatchTypedSubjectAltNames() {
				found[name.GetMatcher().GetPrefix()] = true
			}
			//nolint:staticcheck // Istio still writes the older field.
			for _, name := range validation.GetMatchSubjectAltNames() {
				found[name.GetPrefix()] = true
			}
		}
	}
	names := []string{}
	for name := range found {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func addresses(assignment *endpoint.ClusterLoadAssignment) []string {
	found := []string{}
	for _, locality := range assignment.Endpoints {
		for _, one := range locality.LbEndpoints {
			address := one.GetEndpoint().GetAddress().GetSocketAddress()
			found = append(found, address.GetAddress()+" "+strconv.Itoa(int(address.GetPortValue())))
		}
	}
	sort.Strings(found)
	return found
}
