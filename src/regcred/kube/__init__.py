"""Talking to a Kubernetes API server: configuration and a thin client for raw objects.

- configuration: `yamltext` and `fields` read a file, `entries` and `kubeconfig` make clusters,
  users and contexts of it, `usable` checks what they say, and `config` is the result;
- requests: `client` has the verbs and `resources` the paths, over `transport`, which takes its
  credentials from `auth` (with `execplugin`) and its trust from `tls`, and explains what goes
  wrong with `failures`;
- on top of these, what regcred does to Secrets and ServiceAccounts.
"""
