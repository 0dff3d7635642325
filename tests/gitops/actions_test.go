package gitops

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v3/pkg/apiclient/application"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	jsonpatch "github.com/evanphx/json-patch"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// request is what becomes of an action: one of the three.
type request struct {
	Patch     map[string]any `json:"patch"`
	Unchanged string         `json:"unchanged"`
	Refused   string         `json:"refused"`
}

// requests are the table that the plugin's own test goes by, too: by object, by action.
func requests(t *testing.T) map[string]map[string]request {
	t.Helper()
	var all map[string]map[string]request
	parse(t, "requests.yaml", &all)
	found, wanted := slices.Sorted(maps.Keys(all)), testdata(t, "VideoJob")
	if !slices.Equal(found, wanted) {
		t.Fatalf("requests.yaml speaks of %v, testdata has %v", found, wanted)
	}
	return all
}

const (
	why       = "another text is coming"
	timestamp = "2006-01-02T15:04:05Z"
)

func TestAnActionAsksWhatThePluginAsks(t *testing.T) {
	argo := newArgo(t)
	for name, actions := range requests(t) {
		for action, wanted := range actions {
			t.Run(name+"/"+action, func(t *testing.T) {
				begun := time.Now().UTC().Truncate(time.Second)
				object := object(t, "VideoJob", name)
				asked, err := argo.act(t, object, action, parameters(action))
				if wanted.Refused != "" {
					if err == nil || err.Error() != wanted.Refused {
						t.Fatalf("%v, %v, not %q", asked, err, wanted.Refused)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				fill(t, wanted.Patch, object)
				times(t, asked, begun)
				if len(asked)+len(wanted.Patch) > 0 && !reflect.DeepEqual(asked, wanted.Patch) {
					t.Errorf("%v, not %v", asked, wanted.Patch)
				}
			})
		}
	}
}

// Whoever calls it without a reason, and Argo CD before it had parameters.
func TestASuspensionWithoutReasonSaysWhoAsked(t *testing.T) {
	asked, err := newArgo(t).act(t, object(t, "VideoJob", "running"), "suspend", nil)
	if err != nil || annotations(asked)["videofactory.dev/hold"] != "suspended by Argo CD" {
		t.Errorf("%v, %v", asked, err)
	}
}

// What was asked to begin again is no more at its end, although its phase does not say so yet.
func TestWhatIsToBeginAgainCanBeSuspended(t *testing.T) {
	argo := newArgo(t)
	for _, request := range []string{"retry", "restart"} {
		object := object(t, "VideoJob", "failed")
		set(t, object, map[string]any{"videofactory.dev/" + request + "-requested-at": "2026-11-29T09:30:00Z"},
			"metadata", "annotations")
		asked, err := argo.act(t, object, "suspend", nil)
		if err != nil || annotations(asked)["videofactory.dev/hold"] == nil || argo.offers(t, object)["suspend"].Disabled {
			t.Errorf("%s: %v, %v", request, asked, err)
		}
		set(t, object, "2026-11-29T09:30:00Z", "status", "handled", request)
		asked, err = argo.act(t, object, "suspend", nil)
		if err != nil || len(asked) != 0 || !argo.offers(t, object)["suspend"].Disabled {
			t.Errorf("%s, handled: %v, %v", request, asked, err)
		}
	}
}

// Who suspends a film that waits for the others of its request has it stay when they are let go.
func TestAHoldThatEndsByItselfIsReplaced(t *testing.T) {
	argo := newArgo(t)
	for hold, replaced := range map[string]bool{
		"created together": true, "created together: 7f3a": true, "created": false, "created tomorrow": false, "": false,
	} {
		object := object(t, "VideoJob", "held")
		set(t, object, map[string]any{"videofactory.dev/hold": hold}, "metadata", "annotations")
		asked, err := argo.act(t, object, "suspend", parameters("suspend"))
		if err != nil || (annotations(asked)["videofactory.dev/hold"] == why) != replaced {
			t.Errorf("%q: %v, %v", hold, asked, err)
		}
		offers := argo.offers(t, object)
		if offers["suspend"].Disabled == replaced || offers["resume"].Disabled {
			t.Errorf("%q: %+v", hold, offers)
		}
	}
}

func TestArgoOffersWhatWouldBeTaken(t *testing.T) {
	argo := newArgo(t)
	for name, actions := range requests(t) {
		offers := argo.offers(t, object(t, "VideoJob", name))
		if len(offers) != len(actions) {
			t.Errorf("%s: %v", name, offers)
		}
		for action, wanted := range actions {
			if offer, known := offers[action]; !known || offer.Disabled != (wanted.Patch == nil) {
				t.Errorf("%s/%s: %+v, but %+v", name, action, offer, wanted)
			}
		}
	}
}

func TestOnlyFilmsHaveActions(t *testing.T) {
	argo := newArgo(t)
	for _, kind := range kinds {
		object := object(t, kind, testdata(t, kind)[0])
		scripts, err := argo.vm().GetResourceActionDiscovery(object)
		if err != nil || (len(scripts) > 0) != (kind == "VideoJob") {
			t.Errorf("%s: %v, %v", kind, scripts, err)
		}
	}
}

// act runs an action as Argo CD's server does: the merge patch that it would send.
func (a argo) act(
	t *testing.T, object *unstructured.Unstructured, action string, parameters []*application.ResourceActionParameters,
) (map[string]any, error) {
	t.Helper()
	definition, err := a.vm().GetResourceAction(object, action)
	if err != nil {
		t.Fatal(err)
	}
	before, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	impacted, err := a.vm().ExecuteResourceAction(object, definition.ActionLua, parameters)
	if err != nil {
		return nil, err
	}
	if len(impacted) != 1 || impacted[0].K8SOperation != "patch" {
		t.Fatalf("%s makes more than a patch: %v", action, impacted)
	}
	after, err := json.Marshal(impacted[0].UnstructuredObj)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jsonpatch.CreateMergePatch(before, after)
	if err != nil {
		t.Fatal(err)
	}
	var patch map[string]any
	if err := json.Unmarshal(text, &patch); err != nil {
		t.Fatal(err)
	}
	return patch, nil
}

// offers are the actions that Argo CD shows, by name.
func (a argo) offers(t *testing.T, object *unstructured.Unstructured) map[string]v1alpha1.ResourceAction {
	t.Helper()
	scripts, err := a.vm().GetResourceActionDiscovery(object)
	if err != nil {
		t.Fatal(err)
	}
	found, err := a.vm().ExecuteResourceActionDiscovery(object, scripts)
	if err != nil {
		t.Fatal(err)
	}
	offers := map[string]v1alpha1.ResourceAction{}
	for _, offer := range found {
		offers[offer.Name] = offer
	}
	return offers
}

func parameters(action string) []*application.ResourceActionParameters {
	if action != "suspend" {
		return nil
	}
	name, value := "reason", why
	return []*application.ResourceActionParameters{{Name: &name, Value: &value}}
}

func annotations(patch map[string]any) map[string]any {
	metadata, _ := patch["metadata"].(map[string]any)
	found, _ := metadata["annotations"].(map[string]any)
	return found
}

// times puts NOW in the place of each present time.
func times(t *testing.T, patch map[string]any, begun time.Time) {
	t.Helper()
	for name, value := range annotations(patch) {
		text, isText := value.(string)
		if !isText {
			continue
		}
		at, err := time.Parse(timestamp, text)
		if err != nil {
			continue
		}
		if at.Before(begun) || at.After(time.Now().UTC()) {
			t.Errorf("%s: %s is not the present time", name, text)
		}
		annotations(patch)[name] = "NOW"
	}
}

// fill puts in the place of WHY and OUTPUT what they stand for.
func fill(t *testing.T, patch map[string]any, film *unstructured.Unstructured) {
	t.Helper()
	for name, value := range annotations(patch) {
		switch value {
		case "WHY":
			annotations(patch)[name] = why
		case "OUTPUT":
			annotations(patch)[name] = "assemble-video@" + output(t, film, "assemble-video")
		}
	}
}

// output is the digest of what a step has made.
func output(t *testing.T, film *unstructured.Unstructured, name string) string {
	t.Helper()
	steps, _, err := unstructured.NestedSlice(film.Object, "status", "steps")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range steps {
		if step := entry.(map[string]any); step["name"] == name {
			return step["outputDigest"].(string)
		}
	}
	t.Fatalf("no step %s", name)
	return ""
}
