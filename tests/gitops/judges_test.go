package gitops

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// argo is Argo CD with our part of argocd-cm, and with no more libraries than it gives to scripts from there.
type argo struct {
	overrides map[string]v1alpha1.ResourceOverride
}

func newArgo(t *testing.T) argo {
	t.Helper()
	config := documents(t, filepath.Join(manifests, "argocd", "argocd-cm.yaml"))[0]
	data, _, err := unstructured.NestedStringMap(config.Object, "data")
	if err != nil {
		t.Fatal(err)
	}
	overrides := map[string]v1alpha1.ResourceOverride{}
	for key, script := range data {
		field, kind, _ := strings.Cut(strings.TrimPrefix(key, "resource.customizations."), ".")
		kind = strings.ReplaceAll(kind, "_", "/")
		override := overrides[kind]
		switch field {
		case "health":
			override.HealthLua = script
		case "actions":
			override.Actions = script
		default:
			t.Fatalf("argocd-cm.yaml: what is %s?", key)
		}
		overrides[kind] = override
	}
	return argo{overrides}
}

// judge says how healthy an object is.
func (a argo) judge(t *testing.T, object *unstructured.Unstructured) health.HealthStatus {
	t.Helper()
	found, err := health.GetResourceHealth(object, lua.ResourceHealthOverrides(a.overrides))
	if err != nil || found == nil {
		t.Fatalf("%v, %v", found, err)
	}
	return *found
}

// vm runs its actions.
func (a argo) vm() lua.VM { return lua.VM{ResourceOverrides: a.overrides} }

// kstatus is what Flux and Helm go by.
func kstatus(t *testing.T, object *unstructured.Unstructured) status.Status {
	t.Helper()
	found, err := status.Compute(object)
	if err != nil {
		t.Fatal(err)
	}
	return found.Status
}
