kubectl debug pod/app -n "$NAMESPACE" --container=debugger --image=${REGCRED_CLUSTER_TOKEN_IMAGE}
