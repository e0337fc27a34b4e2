package main

import (
	"bytes"
	"context"
	"fmt"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/jsondiff"
	"github.com/fluxcd/pkg/ssa/normalize"
	"github.com/fluxcd/pkg/ssa/utils"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Field managers of the two controllers.
const (
	kustomizeController = "kustomize-controller"
	helmController      = "helm-controller"
)

// Diffed and applied by the library of kustomize-controller, told what that tells it: the
// controller's own packages are internal, see apply in
// https://github.com/fluxcd/kustomize-controller/blob/v1.10.1/internal/controller/kustomization_controller.go
func kustomization(ctx context.Context, config *rest.Config, asked question) (answer, error) {
	var owner kustomizev1.Kustomization
	if err := yaml.UnmarshalStrict(asked.Object, &owner); err != nil {
		return answer{}, err
	}
	connection, err := client.New(config, client.Options{})
	if err != nil {
		return answer{}, err
	}
	objects, err := read(asked)
	if err != nil {
		return answer{}, err
	}
	group := kustomizev1.GroupVersion.Group
	policy := group + "/ssa"
	manager := ssa.NewResourceManager(
		connection, nil, ssa.Owner{Field: kustomizeController, Group: group},
	)
	manager.SetOwnerLabels(objects, owner.Name, owner.Namespace)
	if err := normalize.UnstructuredList(objects); err != nil {
		return answer{}, err
	}
	excluded := map[string]string{
		group + "/reconcile": kustomizev1.DisabledValue,
		policy:               kustomizev1.IgnoreValue,
	}
	once := map[string]string{policy: kustomizev1.IfNotPresentValue}
	var ignored []jsondiff.IgnoreRule
	for _, rule := range owner.Spec.Ignore {
		ignored = append(ignored, ignoreRule(rule.Paths, rule.Target))
	}
	if !asked.Apply {
		found, _, _, err := manager.Diff(ctx, objects[0], ssa.DiffOptions{
			Exclusions: excluded, IfNotPresentSelector: once, DriftIgnoreRules: ignored,
		})
		if err != nil {
			return answer{}, err
		}
		return answer{Says: found.Action.String()}, nil
	}
	options := ssa.DefaultApplyOptions()
	options.ExclusionSelector = excluded
	options.IfNotPresentSelector = once
	options.DriftIgnoreRules = ignored
	options.Cleanup = ssa.ApplyCleanupOptions{
		Annotations: []string{corev1.LastAppliedConfigAnnotation},
		FieldManagers: []ssa.FieldManager{
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: kustomizeController, OperationType: metav1.ManagedFieldsOperationUpdate},
		},
		Exclusions: map[string]string{policy: kustomizev1.MergeValue},
	}
	done, err := manager.ApplyAllStaged(ctx, objects, options)
	if err != nil {
		return answer{}, err
	}
	return answer{Says: done.Entries[0].Action.String()}, nil
}

// Drift as helm-controller looks for it, see Diff in
// https://github.com/fluxcd/helm-controller/blob/v1.7.1/internal/action/diff.go
func helmRelease(ctx context.Context, config *rest.Config, asked question) (answer, error) {
	var owner helmv2.HelmRelease
	if err := yaml.UnmarshalStrict(asked.Object, &owner); err != nil {
		return answer{}, err
	}
	if asked.Apply || !owner.GetDriftDetection().MustDetectChanges() {
		return answer{}, fmt.Errorf("a HelmRelease is only looked at, and detects drift")
	}
	dry := true
	connection, err := client.New(config, client.Options{DryRun: &dry})
	if err != nil {
		return answer{}, err
	}
	objects, err := read(asked)
	if err != nil {
		return answer{}, err
	}
	if err := normalize.UnstructuredListWithScheme(objects, connection.Scheme()); err != nil {
		return answer{}, err
	}
	options := []jsondiff.ListOption{
		jsondiff.FieldOwner(helmController),
		jsondiff.ExclusionSelector{
			helmv2.DriftDetectionMetadataKey: helmv2.DriftDetectionDisabledValue,
		},
		jsondiff.Rationalize(true),
		jsondiff.Graceful(true),
	}
	var ignored jsondiff.IgnoreRules
	for _, rule := range owner.GetDriftDetection().Ignore {
		ignored = append(ignored, ignoreRule(rule.Paths, rule.Target))
	}
	if len(ignored) > 0 {
		options = append(options, ignored)
	}
	found, err := jsondiff.UnstructuredList(ctx, connection, objects, options...)
	if err != nil {
		return answer{}, err
	}
	return answer{Says: string(found[0].Type), Patch: found[0].Patch}, nil
}

func read(asked question) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for _, each := range asked.Manifests {
		object, err := utils.ReadObject(bytes.NewReader(each))
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

func ignoreRule(paths []string, target *kustomize.Selector) jsondiff.IgnoreRule {
	rule := jsondiff.IgnoreRule{Paths: paths}
	if target != nil {
		rule.Selector = &jsondiff.Selector{
			Group:              target.Group,
			Version:            target.Version,
			Kind:               target.Kind,
			Name:               target.Name,
			Namespace:          target.Namespace,
			AnnotationSelector: target.AnnotationSelector,
			LabelSelector:      target.LabelSelector,
		}
	}
	return rule
}
