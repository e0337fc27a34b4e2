// Answers what kubelet's own code makes of an image, a registry key or a docker config: one line
// of JSON on stdout for each on stdin. Built with the go.mod that pins the cluster's Kubernetes.
package main

import (
	"encoding/json"
	"os"

	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/util/parsers"
)

// One of Image, Key and Config is asked about.
type question struct {
	Image  *string `json:"image"`
	Key    *string `json:"key"`
	Name   string  `json:"name"` // with Key: the image's normalized name
	Config []byte  `json:"config"`
	Legacy bool    `json:"legacy"` // with Config: the flat form
}

type answer struct {
	Error   string           `json:"error"`
	Name    string           `json:"name"`
	Tag     string           `json:"tag"` // latest where neither tag nor digest is written
	Digest  string           `json:"digest"`
	Found   bool             `json:"found"`
	Entries map[string]entry `json:"entries"`
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

func main() {
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
