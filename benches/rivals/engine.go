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
	plugin "sigs.k8s.io/kube-network-policies/plugins/npa-v1alpha2"
	npav1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"
	npafake "sigs.k8s.io/network-policy-api/pkg/client/clientset/versioned/fake"
	npainformers "sigs.k8s.io/network-policy-api/pkg/client/informers/externalversions"
)

// newEngine puts the objects of a file where informers would, and sets the engine up as
// upstream's command with ClusterNetworkPolicy does: pods by an index over addresses.
func newEngine(path string) (*networkpolicy.PolicyEngine, error) {
	factory := informers.NewSharedInformerFactory(fake.NewSimpleClientset(), 0)
	npaFactory := npainformers.NewSharedInformerFactory(npafake.NewSimpleClientset(), 0)
	pods := factory.Core().V1().Pods()
	namespaces := factory.Core().V1().Namespaces()
	nodes := factory.Core().V1().Nodes()
	policies := factory.Networking().V1().NetworkPolicies()
	clusterPolicies := npaFactory.Policy().V1alpha2().ClusterNetworkPolicies()

	resolver, err := podinfo.NewInformerResolver(pods.Informer())
	if err != nil {
		return nil, err
	}
	stores := map[string]cache.Store{
		"Pod":                  pods.Informer().GetStore(),
		"Namespace":            namespaces.Informer().GetStore(),
		"Node":                 nodes.Informer().GetStore(),
		"NetworkPolicy":        policies.Informer().GetStore(),
		"ClusterNetworkPolicy": clusterPolicies.Informer().GetStore(),
	}
	hasClusterPolicies, err := fill(stores, path)
	if err != nil {
		return nil, err
	}
	provider := podinfo.NewInformerProvider(pods, namespaces, nodes, []podinfo.IPResolver{resolver})
	standard := networkpolicy.NewStandardNetworkPolicy("", namespaces, pods, policies)
	evaluators := []api.PolicyEvaluator{standard}
	if hasClusterPolicies {
		tier := func(tier npav1alpha2.Tier) api.PolicyEvaluator {
			return plugin.NewClusterNetworkPolicy(tier, clusterPolicies, nil, nodes.Lister())
		}
		evaluators = []api.PolicyEvaluator{
			tier(npav1alpha2.AdminTier), standard, tier(npav1alpha2.BaselineTier),
		}
	}
	return networkpolicy.NewPolicyEngine(provider, evaluators), nil
}

// fill puts each object of a List into the store of its kind; it tells whether there was
// a ClusterNetworkPolicy.
func fill(stores map[string]cache.Store, path string) (bool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return false, err
	}
	found := false
	for _, item := range list.Items {
		var meta metav1.TypeMeta
		if err := json.Unmarshal(item, &meta); err != nil {
			return false, err
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
		case "ClusterNetworkPolicy":
			object = &npav1alpha2.ClusterNetworkPolicy{}
			found = true
		default:
			return false, fmt.Errorf("unknown kind %q", meta.Kind)
		}
		if err := json.Unmarshal(item, object); err != nil {
			return false, err
		}
		if err := stores[meta.Kind].Add(object); err != nil {
			return false, err
		}
	}
	return found, nil
}
