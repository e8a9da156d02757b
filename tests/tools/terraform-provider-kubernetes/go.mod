module github.com/gpu-tenancy/gpu-tenancy/tests/tools/terraform-provider-kubernetes

// The provider that stacks written by hand use, for the test of the guide that moves one over. Of its versions this
// is the last that can be had as a Go module: later ones lack the /v2 in their module's path.
go 1.22

require github.com/hashicorp/terraform-provider-kubernetes v1.13.4

// As in the provider's own module, whose replacements count only in the main module.
replace (
	github.com/go-openapi/spec => github.com/go-openapi/spec v0.19.5
	github.com/moby/term => github.com/moby/term v0.0.0-20200507123241-dbdd9cc6608d
	k8s.io/api => k8s.io/api v0.19.1
	k8s.io/apimachinery => k8s.io/apimachinery v0.19.1
	k8s.io/cli-runtime => k8s.io/cli-runtime v0.19.1
	k8s.io/client-go => k8s.io/client-go v0.19.1
	// Its host is gone.
	vbom.ml/util => github.com/fvbommel/util v0.0.0-20180919145318-efcd4e0f9787
)
