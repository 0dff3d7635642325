package gitops

import (
	"path/filepath"
	"testing"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	helm "github.com/fluxcd/helm-controller/api/v2"
	kustomize "github.com/fluxcd/kustomize-controller/api/v1"
	source "github.com/fluxcd/source-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// types are those of Argo CD's and Flux's objects.
func types(apiVersion, kind string) any {
	switch apiVersion + " " + kind {
	case "argoproj.io/v1alpha1 AppProject":
		return &v1alpha1.AppProject{}
	case "argoproj.io/v1alpha1 Application":
		return &v1alpha1.Application{}
	case "argoproj.io/v1alpha1 ApplicationSet":
		return &v1alpha1.ApplicationSet{}
	case "helm.toolkit.fluxcd.io/v2 HelmRelease":
		return &helm.HelmRelease{}
	case "kustomize.toolkit.fluxcd.io/v1 Kustomization":
		return &kustomize.Kustomization{}
	case "rbac.authorization.k8s.io/v1 RoleBinding":
		return &rbacv1.RoleBinding{}
	case "source.toolkit.fluxcd.io/v1 GitRepository":
		return &source.GitRepository{}
	case "source.toolkit.fluxcd.io/v1 OCIRepository":
		return &source.OCIRepository{}
	case "v1 ConfigMap":
		return &corev1.ConfigMap{}
	case "v1 Namespace":
		return &corev1.Namespace{}
	case "v1 ServiceAccount":
		return &corev1.ServiceAccount{}
	}
	return nil
}

// A field that is misspelt is ignored by the API server, at best with a warning.
func TestManifestsHaveTheFieldsOfTheirTypes(t *testing.T) {
	seen := 0
	for _, folder := range []string{"argocd", "flux"} {
		files, err := filepath.Glob(filepath.Join(manifests, folder, "*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			for _, object := range documents(t, file) {
				into := types(object.GetAPIVersion(), object.GetKind())
				if into == nil {
					t.Errorf("%s: no type is known for %s", file, object.GroupVersionKind())
					continue
				}
				seen++
				text, err := yaml.Marshal(object.Object)
				if err != nil {
					t.Fatal(err)
				}
				if err := yaml.UnmarshalStrict(text, into); err != nil {
					t.Errorf("%s: %s %s: %v", file, object.GetKind(), object.GetName(), err)
				}
			}
		}
	}
	if seen < 17 {
		t.Errorf("only %d objects were found", seen)
	}
}
