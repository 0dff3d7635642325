package gitops

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// expected is what health_test.yaml says, in the form that Argo CD's own repository has.
type expected struct {
	Tests []struct {
		InputPath    string              `json:"inputPath"`
		HealthStatus health.HealthStatus `json:"healthStatus"`
	} `json:"tests"`
}

// toKstatus says what Flux and Helm call what Argo CD calls so. They have no word for what a person has stopped.
var toKstatus = map[health.HealthStatusCode]status.Status{
	health.HealthStatusProgressing: status.InProgressStatus,
	health.HealthStatusSuspended:   status.InProgressStatus,
	health.HealthStatusDegraded:    status.FailedStatus,
	health.HealthStatusHealthy:     status.CurrentStatus,
}

func TestAllJudgeEveryObjectAlike(t *testing.T) {
	argo := newArgo(t)
	for _, kind := range kinds {
		var expected expected
		parse(t, filepath.Join(customizations, kind, "health_test.yaml"), &expected)
		judged := map[string]bool{}
		for _, test := range expected.Tests {
			name := strings.TrimSuffix(filepath.Base(test.InputPath), ".yaml")
			judged[name] = true
			t.Run(kind+"/"+name, func(t *testing.T) {
				object := object(t, kind, name)
				if found := argo.judge(t, object); found != test.HealthStatus {
					t.Errorf("Argo CD: %+v, not %+v", found, test.HealthStatus)
				}
				if found, wanted := kstatus(t, object), toKstatus[test.HealthStatus.Status]; found != wanted {
					t.Errorf("kstatus: %s, not %s", found, wanted)
				}
			})
		}
		for _, name := range testdata(t, kind) {
			if !judged[name] {
				t.Errorf("%s/health_test.yaml says nothing of %s", kind, name)
			}
		}
	}
}

// A row of the table: the conditions of a state, absent ones left out.
type row map[string]string

// rows are how the operator writes each state of a film.
var rows = map[string]row{
	"running":               {"Ready": "Unknown", "Succeeded": "Unknown", "Reconciling": "True"},
	"awaiting-quota":        {"Ready": "Unknown", "Succeeded": "Unknown", "Reconciling": "True"},
	"rate-limited":          {"Ready": "Unknown", "Succeeded": "Unknown", "Reconciling": "True", "RateLimited": "True"},
	"done":                  {"Ready": "True", "Succeeded": "True"},
	"failed":                {"Ready": "False", "Succeeded": "False", "Stalled": "True"},
	"rejected":              {"Ready": "False", "Succeeded": "False", "Stalled": "True"},
	"suspended":             {"Ready": "False", "Succeeded": "Unknown"},
	"held":                  {"Ready": "False", "Succeeded": "Unknown"},
	"in-preview":            {"Ready": "False", "Succeeded": "Unknown", "Approved": "False"},
	"in-review":             {"Ready": "False", "Succeeded": "Unknown", "Approved": "False"},
	"configuration-invalid": {"Ready": "False", "Succeeded": "Unknown", "Stalled": "True"},
	"new":                   {},
}

func TestFilmsHaveTheConditionsOfTheirState(t *testing.T) {
	for _, name := range testdata(t, "VideoJob") {
		wanted, known := rows[name]
		if !known {
			t.Errorf("no row for %s", name)
			continue
		}
		found := conditions(t, object(t, "VideoJob", name))
		delete(found, "StorageAvailable")
		if len(found) != len(wanted) {
			t.Errorf("%s: %v, not %v", name, found, wanted)
		}
		for kind, status := range wanted {
			if found[kind] != status {
				t.Errorf("%s: %s is %q, not %q", name, kind, found[kind], status)
			}
		}
	}
}

// conditions are the statuses by type.
func conditions(t *testing.T, object *unstructured.Unstructured) row {
	t.Helper()
	list, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	if err != nil {
		t.Fatal(err)
	}
	found := row{}
	for _, entry := range list {
		condition := entry.(map[string]any)
		found[condition["type"].(string)] = condition["status"].(string)
	}
	return found
}

// Whatever an object says of its last generation, an edit is not done yet.
func TestWhatWasEditedIsInProgress(t *testing.T) {
	argo := newArgo(t)
	for _, kind := range kinds {
		if kind == "Channel" {
			continue // Nothing is done for it.
		}
		for _, name := range testdata(t, kind) {
			object := object(t, kind, name)
			object.SetGeneration(object.GetGeneration() + 1)
			found := argo.judge(t, object).Status
			if found != health.HealthStatusProgressing || kstatus(t, object) != status.InProgressStatus {
				t.Errorf("%s/%s: %s, %s", kind, name, found, kstatus(t, object))
			}
		}
	}
}

func TestWhatIsBeingDeletedIsOnItsWay(t *testing.T) {
	argo := newArgo(t)
	for _, kind := range kinds {
		for _, name := range testdata(t, kind) {
			object := object(t, kind, name)
			set(t, object, "2026-11-29T12:00:00Z", "metadata", "deletionTimestamp")
			if found := argo.judge(t, object).Status; found != health.HealthStatusProgressing {
				t.Errorf("%s/%s: %s", kind, name, found)
			}
			if found := kstatus(t, object); found != status.TerminatingStatus {
				t.Errorf("%s/%s: %s", kind, name, found)
			}
		}
	}
}

// An object without status is Current to kstatus: the schema gives it one, and the operator has not looked at it.
func TestTheSchemaKeepsNewObjectsFromLookingHealthy(t *testing.T) {
	for _, plural := range []string{"provideraccounts", "storagepolicies", "videojobs"} {
		definition := documents(t, filepath.Join(manifests, "crds", plural+".yaml"))[0]
		versions, _, err := unstructured.NestedSlice(definition.Object, "spec", "versions")
		if err != nil {
			t.Fatal(err)
		}
		for _, version := range versions {
			given, _, err := unstructured.NestedMap(version.(map[string]any),
				"schema", "openAPIV3Schema", "properties", "status", "default")
			if err != nil || given["observedGeneration"] != int64(-1) {
				t.Errorf("%s: status defaults to %v, %v", plural, given, err)
			}
		}
	}
}

func set(t *testing.T, object *unstructured.Unstructured, value any, fields ...string) {
	t.Helper()
	if err := unstructured.SetNestedField(object.Object, value, fields...); err != nil {
		t.Fatal(err)
	}
}
