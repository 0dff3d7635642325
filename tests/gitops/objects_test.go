// How Argo CD, Flux and Helm judge our objects, by their own code: the health of every object in manifests/argocd, its
// state to kstatus, and what an action of Argo CD asks of it.
package gitops

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const (
	manifests      = "../../manifests"
	customizations = manifests + "/argocd/resource_customizations/videofactory.dev"
)

// kinds are those of the project.
var kinds = []string{"Channel", "ProviderAccount", "StoragePolicy", "VideoJob"}

// testdata names the objects of a kind, as their files are called.
func testdata(t *testing.T, kind string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(customizations, kind, "testdata", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no objects of %s: %v", kind, err)
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".yaml"))
	}
	return names
}

// object is one of testdata, as the API server gave it.
func object(t *testing.T, kind, name string) *unstructured.Unstructured {
	t.Helper()
	return documents(t, filepath.Join(customizations, kind, "testdata", name+".yaml"))[0]
}

// documents are the objects of a file. Whole numbers are int64, as they are for controllers.
func documents(t *testing.T, path string) []*unstructured.Unstructured {
	t.Helper()
	var found []*unstructured.Unstructured
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(read(t, path))))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		json, err := yaml.YAMLToJSON(document)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(json); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		found = append(found, object)
	}
}

// parse reads a file of ours; a field that the type lacks is a mistake.
func parse(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(read(t, path), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
