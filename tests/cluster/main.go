// Command cluster is a whole Kubernetes in one binary: its first argument names
// the component to be, the rest are that component's own flags.
//
// One binary, because the components share nearly all of their code: linking
// them together costs a fraction of six builds.
package main

import (
	"context"
	"crypto"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kubeproxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
	kubectl "k8s.io/kubectl/pkg/cmd"
)

// The kubelet's command sets up signal handling itself, and that may happen only
// once in a process; hence the plain context.
var commands = map[string]func() *cobra.Command{
	"kube-apiserver":          func() *cobra.Command { return apiserver.NewAPIServerCommand() },
	"kube-controller-manager": func() *cobra.Command { return controllermanager.NewControllerManagerCommand() },
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"kube-proxy":              func() *cobra.Command { return kubeproxy.NewProxyCommand() },
	"kubectl":                 func() *cobra.Command { return kubectl.NewDefaultKubectlCommand() },
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "cluster: name a component: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy or kubectl")
		os.Exit(2)
	}
	name := os.Args[1]
	os.Args = os.Args[1:]
	if name == "etcd" {
		etcdmain.Main(os.Args)
		return
	}
	if name == "new-key" && len(os.Args) == 2 {
		endWith(writeNewKey(os.Args[1]))
	}
	if name == "new-authority" && len(os.Args) == 3 {
		endWith(writeNewAuthority(os.Args[1], os.Args[2]))
	}
	command, known := commands[name]
	if !known {
		fmt.Fprintf(os.Stderr, "cluster: no component is called %q\n", name)
		os.Exit(2)
	}
	os.Exit(cli.Run(command()))
}

func endWith(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// writeNewKey makes the key that signs service account tokens, so that whoever
// starts a cluster needs no openssl.
func writeNewKey(path string) error {
	pem, err := keyutil.MakeEllipticPrivateKeyPEM()
	if err != nil {
		return err
	}
	return keyutil.WriteKey(path, pem)
}

// writeNewAuthority makes the authority that signs client certificates.
func writeNewAuthority(keyPath, certificatePath string) error {
	if err := writeNewKey(keyPath); err != nil {
		return err
	}
	read, err := keyutil.PrivateKeyFromFile(keyPath)
	if err != nil {
		return err
	}
	key, signs := read.(crypto.Signer)
	if !signs {
		return fmt.Errorf("%s holds no key that signs", keyPath)
	}
	certificate, err := cert.NewSelfSignedCACert(cert.Config{CommonName: "gpu-tenancy-clients"}, key)
	if err != nil {
		return err
	}
	pem, err := cert.EncodeCertificates(certificate)
	if err != nil {
		return err
	}
	return cert.WriteCert(certificatePath, pem)
}
