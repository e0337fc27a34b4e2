package main

import (
	"context"
	"fmt"
	"time"

	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/cache"
	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/utils/kube"
	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/controller"
	statecache "github.com/argoproj/argo-cd/v3/controller/cache"
	"github.com/argoproj/argo-cd/v3/controller/metrics"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/pkg/client/clientset/versioned/fake"
	"github.com/argoproj/argo-cd/v3/util/argo"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	"github.com/argoproj/argo-cd/v3/util/db"
	kubeutil "github.com/argoproj/argo-cd/v3/util/kube"
	"github.com/argoproj/argo-cd/v3/util/settings"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/kubectl/pkg/util/openapi"
	"sigs.k8s.io/yaml"
)

// Compared and synced as Argo CD's application controller does, except for where manifests come
// from (no repo-server), and where live objects do (asked for, no cache of watches).
func application(ctx context.Context, config *rest.Config, asked question) (answer, error) {
	var app v1alpha1.Application
	if err := yaml.UnmarshalStrict(asked.Object, &app); err != nil {
		return answer{}, err
	}
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return answer{}, err
	}
	kubectl := kubeutil.NewKubectl()
	live := &liveState{config: config, kubectl: kubectl}
	if live.cluster.schema, live.cluster.parser, err = kubectl.LoadOpenAPISchema(config); err != nil {
		return answer{}, err
	}
	counters, err := metrics.NewMetricsServer("", nil, nil, nil, nil, nil)
	if err != nil {
		return answer{}, err
	}
	manager := controller.NewAppStateManager(
		destinations{config: config}, fake.NewSimpleClientset(&app), nil, asked.Settings, kubectl, nil,
		settings.NewSettingsManager(ctx, clients, asked.Settings), live, counters, nil, time.Hour,
		argo.NewResourceTracking(), false, 0, false, normalizers.IgnoreNormalizerOpts{},
	)
	project := &v1alpha1.AppProject{
		ObjectMeta: metav1.ObjectMeta{Name: app.Spec.GetProject(), Namespace: asked.Settings},
		Spec: v1alpha1.AppProjectSpec{
			SourceRepos:              []string{"*"},
			Destinations:             []v1alpha1.ApplicationDestination{{Server: "*", Namespace: "*"}},
			ClusterResourceWhitelist: []v1alpha1.ClusterResourceRestrictionItem{{Group: "*", Kind: "*"}},
		},
	}
	manifests, err := tracked(asked, &app)
	if err != nil {
		return answer{}, err
	}
	if !asked.Apply {
		sources := app.Spec.GetSources()
		compared, err := manager.CompareAppState(
			ctx, &app, project, make([]string, len(sources)), sources, true, true, manifests, false,
		)
		if err != nil {
			return answer{}, err
		}
		if len(app.Status.Conditions) > 0 {
			return answer{}, fmt.Errorf("%v", app.Status.Conditions)
		}
		return answer{Says: string(compared.GetSyncStatus().Status)}, nil
	}
	operation := v1alpha1.SyncOperation{Manifests: manifests}
	if policy := app.Spec.SyncPolicy; policy != nil {
		operation.SyncOptions = policy.SyncOptions
	}
	state := controller.NewOperationState(v1alpha1.Operation{Sync: &operation})
	for !state.Phase.Completed() {
		manager.SyncAppState(ctx, &app, project, state)
	}
	if !state.Phase.Successful() {
		return answer{}, fmt.Errorf("%s: %s", state.Phase, state.Message)
	}
	return answer{Says: string(state.Phase)}, nil
}

// Manifests as the repo-server gives them out: each says whose it is.
func tracked(asked question, app *v1alpha1.Application) ([]string, error) {
	var manifests []string
	for _, each := range asked.Manifests {
		object, err := v1alpha1.UnmarshalToUnstructured(string(each))
		if err != nil {
			return nil, err
		}
		err = argo.NewResourceTracking().SetAppInstance(
			object, common.LabelKeyAppInstance, app.InstanceName(asked.Settings),
			app.Spec.Destination.Namespace, v1alpha1.TrackingMethodAnnotation, "",
		)
		if err != nil {
			return nil, err
		}
		text, err := object.MarshalJSON()
		if err != nil {
			return nil, err
		}
		manifests = append(manifests, string(text))
	}
	return manifests, nil
}

// The one cluster, as every destination. What nobody asks for is nil.
type destinations struct {
	db.ArgoDB
	config *rest.Config
}

func (d destinations) GetCluster(context.Context, string) (*v1alpha1.Cluster, error) {
	return &v1alpha1.Cluster{
		Server: d.config.Host,
		Config: v1alpha1.ClusterConfig{
			BearerToken: d.config.BearerToken,
			TLSClientConfig: v1alpha1.TLSClientConfig{
				CAData:   d.config.CAData,
				CertData: d.config.CertData,
				KeyData:  d.config.KeyData,
			},
		},
	}, nil
}

func (d destinations) GetProjectClusters(context.Context, string) ([]*v1alpha1.Cluster, error) {
	return nil, nil
}

// Likewise of the cluster's state.
type liveState struct {
	statecache.LiveStateCache
	config  *rest.Config
	kubectl kube.Kubectl
	cluster clusterState
}

func (l *liveState) GetClusterCache(*v1alpha1.Cluster) (cache.ClusterCache, error) {
	return &l.cluster, nil
}

func (l *liveState) IsNamespaced(_ *v1alpha1.Cluster, kind schema.GroupKind) (bool, error) {
	return l.cluster.IsNamespaced(kind)
}

func (l *liveState) GetManagedLiveObjs(
	_ *v1alpha1.Cluster, _ *v1alpha1.Application, targets []*unstructured.Unstructured,
) (map[kube.ResourceKey]*unstructured.Unstructured, error) {
	found := map[kube.ResourceKey]*unstructured.Unstructured{}
	for _, each := range targets {
		there, err := l.kubectl.GetResource(
			context.Background(), l.config, each.GroupVersionKind(), each.GetName(), each.GetNamespace(),
		)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found[kube.GetResourceKey(each)] = there
	}
	return found, nil
}

type clusterState struct {
	cache.ClusterCache
	schema openapi.Resources
	parser *managedfields.GvkParser
}

// What the tests apply is.
func (c *clusterState) IsNamespaced(schema.GroupKind) (bool, error) { return true, nil }

func (c *clusterState) GetOpenAPISchema() openapi.Resources { return c.schema }

func (c *clusterState) GetGVKParser() *managedfields.GvkParser { return c.parser }
