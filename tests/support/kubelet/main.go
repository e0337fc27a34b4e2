// Answers what kubelet's own code makes of an image, a registry key, a docker config, or a Pod's
// pull Secrets: one line of JSON on stdout for each on stdin. Built with the go.mod that pins the
// cluster's Kubernetes.
package main

import (
	"encoding/json"
	"flag"
	"io"
	"os"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/apis/core"
	corev1 "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/secrets"
	"k8s.io/kubernetes/pkg/util/parsers"
	apijson "sigs.k8s.io/json"
)

// One of Image, Key, Secrets and Config is asked about.
type question struct {
	Image  *string `json:"image"`
	Key    *string `json:"key"`
	Name   string  `json:"name"` // with Key: the image's normalized name
	Config []byte  `json:"config"`
	Legacy bool    `json:"legacy"` // with Config: the flat form

	// Objects as they are sent to the API server, and the images of the Pod that names them.
	Secrets []json.RawMessage `json:"secrets"`
	Images  []string          `json:"images"`
}

type answer struct {
	Error   string           `json:"error"`
	Name    string           `json:"name"`
	Tag     string           `json:"tag"` // latest where neither tag nor digest is written
	Digest  string           `json:"digest"`
	Found   bool             `json:"found"`
	Entries map[string]entry `json:"entries"`
	Refused string           `json:"refused"` // the API server's decoder's error
	Lookups []lookup         `json:"lookups"` // one for each of Images
}

type lookup struct {
	Error string    `json:"error"`
	Found bool      `json:"found"`
	Tried []tracked `json:"tried"`
}

type tracked struct {
	entry
	Secret string `json:"secret"` // namespace/name
}

// Bytes, since they need not be UTF-8.
type entry struct {
	Username []byte `json:"username"`
	Password []byte `json:"password"`
	Email    []byte `json:"email"`
}

func reply(q question) (a answer) {
	var err error
	switch {
	case q.Image != nil:
		a.Name, a.Tag, a.Digest, err = parsers.ParseImageName(*q.Image)
	case q.Key != nil:
		keyring := &credentialprovider.BasicDockerKeyring{}
		keyring.Add(nil, credentialprovider.DockerConfig{*q.Key: {Username: "u", Password: "p"}})
		_, a.Found = keyring.Lookup(q.Name)
	case q.Secrets != nil:
		var stored []v1.Secret
		if stored, err = store(q.Secrets); err != nil {
			return answer{Refused: err.Error()}
		}
		for _, image := range q.Images {
			a.Lookups = append(a.Lookups, look(stored, image))
		}
	default:
		var config credentialprovider.DockerConfig
		if config, err = decode(q.Config, q.Legacy); err == nil {
			a.Entries = map[string]entry{}
			for key, e := range config {
				a.Entries[key] = entry{[]byte(e.Username), []byte(e.Password), []byte(e.Email)}
			}
		}
	}
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

// As pkg/credentialprovider/secrets decodes the two types of Secret.
func decode(content []byte, legacy bool) (credentialprovider.DockerConfig, error) {
	if legacy {
		config := credentialprovider.DockerConfig{}
		return config, json.Unmarshal(content, &config)
	}
	whole := credentialprovider.DockerConfigJSON{}
	err := json.Unmarshal(content, &whole)
	return whole.Auths, err
}

// As the API server stores Secrets and hands them out again; validation is left out.
func store(objects []json.RawMessage) (stored []v1.Secret, err error) {
	for _, object := range objects {
		var sent, back v1.Secret
		if err := apijson.UnmarshalCaseSensitivePreserveInts(object, &sent); err != nil {
			return nil, err
		}
		corev1.SetDefaults_Secret(&sent)
		var internal core.Secret
		if err := corev1.Convert_v1_Secret_To_core_Secret(&sent, &internal, nil); err != nil {
			return nil, err
		}
		if err := corev1.Convert_core_Secret_To_v1_Secret(&internal, &back, nil); err != nil {
			return nil, err
		}
		stored = append(stored, back)
	}
	return stored, nil
}

// As pkg/kubelet/images looks up what to pull an image with, on a node without credentials.
func look(stored []v1.Secret, image string) (l lookup) {
	name, _, _, err := parsers.ParseImageName(image)
	if err != nil {
		return lookup{Error: err.Error()}
	}
	keyring, err := secrets.MakeDockerKeyring(stored, credentialprovider.UnionDockerKeyring{})
	if err != nil {
		return lookup{Error: err.Error()}
	}
	configs, found := keyring.Lookup(name)
	l.Found = found
	for _, c := range configs {
		login := entry{[]byte(c.Username), []byte(c.Password), []byte(c.Email)}
		secret := c.Source.Secret.Namespace + "/" + c.Source.Secret.Name
		l.Tried = append(l.Tried, tracked{login, secret})
	}
	return l
}

func main() {
	// A line for each key that it drops.
	flags := flag.NewFlagSet("", flag.PanicOnError)
	klog.InitFlags(flags)
	flags.Parse([]string{"-logtostderr=false", "-stderrthreshold=FATAL"})
	klog.SetOutput(io.Discard)
	decoder := json.NewDecoder(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for decoder.More() {
		var q question
		if err := decoder.Decode(&q); err != nil {
			panic(err)
		}
		if err := out.Encode(reply(q)); err != nil {
			panic(err)
		}
	}
}
