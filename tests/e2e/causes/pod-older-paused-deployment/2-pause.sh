kubectl rollout pause deployment/web -n "$NAMESPACE"
