package gitops

import (
	"path/filepath"
	"testing"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	kustomize "github.com/fluxcd/kustomize-controller/api/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// only is the one object of this kind and name in a file of manifests.
func only(t *testing.T, file, kind, name string, into any) {
	t.Helper()
	for _, object := range documents(t, filepath.Join(manifests, file)) {
		if object.GetKind() == kind && object.GetName() == name {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, into); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("%s holds no %s %s", file, kind, name)
}

func TestAPushToArgoCDChangesOurKindsInNamedNamespacesAlone(t *testing.T) {
	const file = "argocd/applicationset.yaml"
	var project v1alpha1.AppProject
	var set v1alpha1.ApplicationSet
	only(t, file, "AppProject", "films", &project)
	only(t, file, "ApplicationSet", "films", &set)
	if set.Spec.Template.Spec.Project != project.Name {
		t.Errorf("the films belong to the project %s", set.Spec.Template.Spec.Project)
	}
	cluster := &v1alpha1.Cluster{Server: set.Spec.Template.Spec.Destination.Server}
	for _, may := range []struct {
		group, kind, namespace string
		permitted              bool
	}{
		{"videofactory.dev", "VideoJob", "demo", true},
		{"videofactory.dev", "StoragePolicy", "demo", true},
		{"videofactory.dev", "VideoJob", "kube-system", false},
		{"", "Secret", "demo", false},
		{"batch", "Job", "demo", false},
		{"rbac.authorization.k8s.io", "RoleBinding", "demo", false},
		{"rbac.authorization.k8s.io", "ClusterRoleBinding", "", false},
		{"", "Namespace", "", false},
	} {
		permitted, err := project.IsResourcePermitted(schema.GroupKind{Group: may.group, Kind: may.kind}, may.namespace, cluster, nil)
		if err != nil {
			t.Fatal(err)
		}
		if permitted != may.permitted {
			t.Errorf("%s in %q: permitted is %v", may.kind, may.namespace, permitted)
		}
	}
}

func TestFluxAppliesFilmsWithTheRightsOfTheirNamespace(t *testing.T) {
	const file = "flux/films.yaml"
	for _, name := range []string{"films-settings", "films"} {
		var applied kustomize.Kustomization
		only(t, file, "Kustomization", name, &applied)
		if applied.Spec.TargetNamespace != applied.Namespace {
			t.Errorf("%s is applied to the namespace %q", name, applied.Spec.TargetNamespace)
		}
		for _, role := range []string{"view", "edit"} {
			var binding rbacv1.RoleBinding
			only(t, file, "RoleBinding", "films-"+role, &binding)
			subject := binding.Subjects[0]
			if binding.Namespace != applied.Namespace || binding.RoleRef.Name != "videofactory-"+role ||
				subject.Name != applied.Spec.ServiceAccountName || subject.Namespace != applied.Namespace {
				t.Errorf("%s is applied as %q, and %v is bound to %v", name, applied.Spec.ServiceAccountName, binding.RoleRef, subject)
			}
		}
	}
}
