package main

import (
	"encoding/json"
	"fmt"
	"os"

	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/kube-network-policies/pkg/api"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
	"sigs.k8s.io/kube-network-policies/pkg/podinfo"
)

// newEngine puts the objects of a file where informers would, and sets the engine up as
// upstream's plain command does: NetworkPolicies, and pods by an index over addresses.
func newEngine(path string) (*networkpolicy.PolicyEngine, error) {
	factory := informers.NewSharedInformerFactory(fake.NewSimpleClientset(), 0)
	pods := factory.Core().V1().Pods()
	namespaces := factory.Core().V1().Namespaces()
	nodes := factory.Core().V1().Nodes()
	policies := factory.Networking().V1().NetworkPolicies()

	resolver, err := podinfo.NewInformerResolver(pods.Informer())
	if err != nil {
		return nil, err
	}
	stores := map[string]cache.Store{
		"Pod":           pods.Informer().GetStore(),
		"Namespace":     namespaces.Informer().GetStore(),
		"Node":          nodes.Informer().GetStore(),
		"NetworkPolicy": policies.Informer().GetStore(),
	}
	if err := fill(stores, path); err != nil {
		return nil, err
	}
	provider := podinfo.NewInformerProvider(pods, namespaces, nodes, []podinfo.IPResolver{resolver})
	standard := networkpolicy.NewStandardNetworkPolicy("", namespaces, pods, policies)
	return networkpolicy.NewPolicyEngine(provider, []api.PolicyEvaluator{standard}), nil
}

// fill puts each object of a List into the store of its kind. There is none for
// ClusterNetworkPolicies: the plugin for them needs a version of their API that the
// checksum database does not vouch for.
func fill(stores map[string]cache.Store, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	for _, item := range list.Items {
		var meta metav1.TypeMeta
		if err := json.Unmarshal(item, &meta); err != nil {
			return err
		}
		var object any
		switch meta.Kind {
		case "Pod":
			object = &v1.Pod{}
		case "Namespace":
			object = &v1.Namespace{}
		case "Node":
			object = &v1.Node{}
		case "NetworkPolicy":
			object = &networkingv1.NetworkPolicy{}
		default:
			return fmt.Errorf("unknown kind %q", meta.Kind)
		}
		if err := json.Unmarshal(item, object); err != nil {
			return err
		}
		if err := stores[meta.Kind].Add(object); err != nil {
			return err
		}
	}
	return nil
}
