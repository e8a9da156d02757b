//! Every way to reach a cluster that the provider block and its environment know, against the real one.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::{Binary, Example, Kubectl, Scratch, Surroundings, Workspace, wait};
use serde_json::{Value, json};

const NO_SOURCE: &str = "http://dcgm.example.org:9400/metrics";

/// The API server as a person would copy it out of a kubeconfig.
struct Server {
    host: String,
    ca_pem: String,
}

impl Server {
    fn of_the_kubeconfig() -> Result<Self> {
        let text = Kubectl.run(&["config", "view", "--raw", "--minify", "--flatten", "-o", "json"])?;
        let config: Value = serde_json::from_str(&text)?;
        let cluster = &config["clusters"][0]["cluster"];
        let encoded = cluster["certificate-authority-data"].as_str().context("no authority")?;
        Ok(Self {
            host: cluster["server"].as_str().context("no server")?.to_owned(),
            ca_pem: String::from_utf8(STANDARD.decode(encoded)?)?,
        })
    }

    /// The provider block's lines that say where the server is.
    fn hcl(&self) -> String {
        let Self { host, ca_pem } = self;
        format!("  host = \"{host}\"\n  cluster_ca_certificate = <<-PEM\n{ca_pem}\nPEM\n")
    }
}

/// A user or a ServiceAccount that may do everything, until the test ends.
struct Administrator {
    binding: String,
}

impl Administrator {
    fn named(scratch: &Scratch, subject: &str) -> Result<Self> {
        let binding = scratch.namespace.clone();
        Kubectl.run(&["create", "clusterrolebinding", &binding, "--clusterrole=cluster-admin", subject])?;
        Ok(Self { binding })
    }

    /// A ServiceAccount in the test's namespace, and a token of it.
    fn with_token(scratch: &Scratch) -> Result<(Self, String)> {
        let namespace = scratch.namespace.as_str();
        Kubectl.run(&["create", "namespace", namespace])?;
        Kubectl.run(&["-n", namespace, "create", "serviceaccount", "builder"])?;
        let administrator = Self::named(scratch, &format!("--serviceaccount={namespace}:builder"))?;
        let token = Kubectl.run(&["-n", namespace, "create", "token", "builder"])?;
        Ok((administrator, token.trim().to_owned()))
    }
}

impl Drop for Administrator {
    fn drop(&mut self) {
        let _ = Kubectl.run(&["delete", "clusterrolebinding", &self.binding, "--ignore-not-found"]);
    }
}

/// A card is the smallest thing that needs the cluster: it is made, planned again, and destroyed.
fn a_card_lives(scratch: &Scratch, connection: &str) -> Result<()> {
    let name = format!("card-{}", scratch.namespace);
    let example = Example::asleep(scratch, &name, NO_SOURCE);
    let workspace = Workspace::connected_by(Binary::Terraform, connection, &example.card_hcl())?;
    workspace.apply()?;
    let ledger = format!("card.{name}.ledger");
    ensure!(Kubectl.exists("gpu-tenancy", "configmap", &ledger)?, "{ledger} was not made");
    workspace.plan_is_empty()?;
    workspace.destroy()?;
    ensure!(!Kubectl.exists("gpu-tenancy", "configmap", &ledger)?, "{ledger} is still there");
    Ok(())
}

/// A cluster that the same apply makes: its address, its token, the card's name and what a claim holds are
/// all unknown when terraform plans.
fn a_cluster_and_its_tenant_in_one_apply(binary: Binary) -> Result<()> {
    let scratch = Scratch::reserve(&format!("new-{}", binary.name()));
    let namespace = scratch.namespace.as_str();
    let (_administrator, token) = Administrator::with_token(&scratch)?;
    let Server { host, ca_pem } = Server::of_the_kubeconfig()?;
    let card = format!("card-{namespace}");
    let connection = "  host = terraform_data.cluster.output.host
  token = terraform_data.cluster.output.token
  cluster_ca_certificate = terraform_data.cluster.output.ca";
    let example = Example::asleep(&scratch, &card, NO_SOURCE);
    let configuration = format!(
        r#"
resource "terraform_data" "cluster" {{
  input = {{ host = "{host}", token = "{token}", card = "{card}", peak = "3GiB", ca = <<-PEM
{ca_pem}
PEM
  }}
}}
resource "gpu_vram_floor" "others" {{
  for_each = {{ whisper = terraform_data.cluster.output.peak }}
  card     = gpu_card.t4.id
  tenant   = "{namespace}/${{each.key}}"
  peak     = each.value
  headroom = "2GiB"
}}
{}"#,
        example.hcl().replace(&format!("\"{card}\""), "terraform_data.cluster.output.card")
    );
    let workspace = Workspace::connected_by(binary, connection, &configuration)?;
    workspace.apply()?;
    workspace.plan_is_empty()?;
    ensure!(Kubectl.exists(namespace, "deployment", "chatterbox-tts")?);
    let declared = Kubectl.get("gpu-tenancy", "configmap", &format!("card.{card}.declared"))?;
    ensure!(declared["data"][format!("floor.{namespace}.whisper")].is_string(), "{}", declared["data"]);
    workspace.destroy().map(drop)
}

#[test]
fn a_cluster_and_its_tenant_are_one_apply_of_terraform() -> Result<()> {
    a_cluster_and_its_tenant_in_one_apply(Binary::Terraform)
}

#[test]
fn a_cluster_and_its_tenant_are_one_apply_of_tofu() -> Result<()> {
    a_cluster_and_its_tenant_in_one_apply(Binary::Tofu)
}

#[test]
fn a_client_certificate_opens_the_door() -> Result<()> {
    let scratch = Scratch::reserve("certificate");
    let user = scratch.namespace.as_str();
    let _administrator = Administrator::named(&scratch, &format!("--user={user}"))?;
    let key = rcgen::KeyPair::generate()?;
    let mut wish = rcgen::CertificateParams::default();
    wish.distinguished_name.push(rcgen::DnType::CommonName, user);
    let certificate = signed(user, &wish.serialize_request(&key)?.pem()?)?;
    let server = Server::of_the_kubeconfig()?;
    let connection = format!(
        "{}  client_certificate = <<-PEM\n{certificate}\nPEM\n  client_key = <<-PEM\n{}\nPEM\n",
        server.hcl(),
        key.serialize_pem()
    );
    a_card_lives(&scratch, &connection)?;

    let other_key = rcgen::KeyPair::generate()?;
    let mismatched = connection.replace(&key.serialize_pem(), &other_key.serialize_pem());
    let example = Example::asleep(&scratch, &format!("card-{user}"), NO_SOURCE);
    let workspace = Workspace::connected_by(Binary::Terraform, &mismatched, &example.card_hcl())?;
    let refused = workspace.fails(&["apply", "-auto-approve", "-input=false", "-no-color"])?;
    ensure!(!refused.contains("PRIVATE KEY"), "the key is shown: {refused}");
    ensure!(refused.contains("client_certificate") || refused.contains("client_key"), "{refused}");
    Ok(())
}

/// What the cluster's own authority makes of a request, as `kubectl certificate approve` does for a person.
fn signed(name: &str, request_pem: &str) -> Result<String> {
    Kubectl.apply(&json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "request": STANDARD.encode(request_pem),
            "signerName": "kubernetes.io/kube-apiserver-client",
            "expirationSeconds": 3600,
            "usages": ["client auth"],
        },
    }))?;
    Kubectl.run(&["certificate", "approve", name])?;
    let encoded = wait::until("the certificate is signed", Duration::from_secs(30), || {
        let request: Value =
            serde_json::from_str(&Kubectl.run(&["get", "certificatesigningrequest", name, "-o", "json"])?)?;
        Ok(request["status"]["certificate"].as_str().map(str::to_owned))
    });
    Kubectl.run(&["delete", "certificatesigningrequest", name])?;
    Ok(String::from_utf8(STANDARD.decode(encoded?)?)?)
}

#[test]
fn a_program_hands_out_the_credentials() -> Result<()> {
    let scratch = Scratch::reserve("exec");
    let (_administrator, token) = Administrator::with_token(&scratch)?;
    let folder = tempfile::tempdir()?;
    let (program, calls) = (folder.path().join("hand-out"), folder.path().join("calls"));
    let script = "#!/bin/sh\necho \"$@\" >> \"$2\"\necho '{\"apiVersion\": \"client.authentication.k8s.io/v1\", \
                  \"kind\": \"ExecCredential\", \"status\": {\"token\": \"'\"$BADGE\"'\"}}'\n";
    std::fs::write(&program, script)?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
    let connection = format!(
        "{}  exec = {{\n    command = \"{}\"\n    args = [\"get-token\", \"{}\"]\n    env = {{ BADGE = \"{token}\" }}\n  }}\n",
        Server::of_the_kubeconfig()?.hcl(),
        program.display(),
        calls.display()
    );
    a_card_lives(&scratch, &connection)?;
    let called = std::fs::read_to_string(&calls)?;
    ensure!(called.starts_with("get-token "), "it was called with {called:?}");

    std::fs::write(&program, "#!/bin/sh\necho 'your session has ended, log in again' >&2\nexit 7\n")?;
    let example = Example::asleep(&scratch, &format!("card-{}", scratch.namespace), NO_SOURCE);
    let workspace = Workspace::connected_by(Binary::Terraform, &connection, &example.card_hcl())?;
    let refused = workspace.fails(&["apply", "-auto-approve", "-input=false", "-no-color"])?;
    ensure!(refused.contains("your session has ended, log in again"), "its words are lost: {refused}");
    ensure!(!refused.contains(&token), "its environment is told: {refused}");
    Ok(())
}

#[test]
fn every_request_goes_through_the_proxy_that_is_named() -> Result<()> {
    let scratch = Scratch::reserve("proxy");
    let proxy = Proxy::start()?;
    let kubeconfig = Surroundings::get().kubeconfig.display().to_string();
    let through = |address: SocketAddr| {
        format!("  config_path = \"{kubeconfig}\"\n  proxy_url = \"http://{address}\"\n")
    };
    a_card_lives(&scratch, &through(proxy.address))?;
    let server = Server::of_the_kubeconfig()?.host;
    let asked = proxy.asked()?;
    ensure!(!asked.is_empty(), "nothing went through the proxy");
    ensure!(asked.iter().all(|target| server.ends_with(target.as_str())), "{asked:?} and not {server}");

    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let example = Example::asleep(&scratch, &format!("card-{}", scratch.namespace), NO_SOURCE);
    let workspace = Workspace::connected_by(Binary::Terraform, &through(nobody), &example.card_hcl())?;
    let refused = workspace.fails(&["apply", "-auto-approve", "-input=false", "-no-color"])?;
    ensure!(refused.contains("127.0.0.1:1"), "the proxy that does not answer is not named: {refused}");
    Ok(())
}

/// A proxy of HTTP CONNECT that notes who was asked for.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// It ends with the test process.
    fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&asked);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let notes = Arc::clone(&notes);
                std::thread::spawn(move || serve(client, &notes));
            }
        });
        Ok(Self { address, asked })
    }

    fn asked(&self) -> Result<Vec<String>> {
        Ok(self.asked.lock().map_err(|_| anyhow::anyhow!("the proxy panicked"))?.clone())
    }
}

/// One tunnel, from its CONNECT line to the end of either side.
fn serve(mut client: TcpStream, notes: &Mutex<Vec<String>>) -> Result<()> {
    let mut head = Vec::new();
    let mut byte = [0_u8; 1];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head)?;
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
    let target = target.with_context(|| format!("no CONNECT: {head}"))?;
    if let Ok(mut notes) = notes.lock() {
        notes.push(target.to_owned());
    }
    let server = TcpStream::connect(target)?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut upwards, mut downwards) = ((client.try_clone()?, server.try_clone()?), (server, client));
    let up = std::thread::spawn(move || std::io::copy(&mut upwards.0, &mut upwards.1));
    std::io::copy(&mut downwards.0, &mut downwards.1)?;
    downwards.1.shutdown(std::net::Shutdown::Both)?;
    drop(up.join());
    Ok(())
}

/// terraform inside a pod, with nothing but the pod's own ServiceAccount.
#[test]
fn inside_a_pod_the_service_account_is_enough() -> Result<()> {
    if !Surroundings::get().pods {
        return Ok(());
    }
    let scratch = Scratch::reserve("incluster");
    let namespace = scratch.namespace.as_str();
    let (_administrator, _) = Administrator::with_token(&scratch)?;
    let name = format!("card-{namespace}");
    let example = Example::asleep(&scratch, &name, NO_SOURCE);
    let workspace = Workspace::connected_by(Binary::Terraform, "", &example.card_hcl())?;
    let terraform = std::fs::canonicalize(Surroundings::get().tool("terraform"))?;
    let run = |pod: &str, arguments: &[&str]| {
        in_a_pod(namespace, pod, &terraform, workspace.path(), arguments)
            .with_context(|| format!("terraform {arguments:?} in a pod"))
    };
    run("apply", &["apply", "-auto-approve", "-input=false", "-no-color"])?;
    ensure!(Kubectl.exists("gpu-tenancy", "configmap", &format!("card.{name}.ledger"))?);
    run("destroy", &["destroy", "-auto-approve", "-input=false", "-no-color"])?;
    ensure!(!Kubectl.exists("gpu-tenancy", "configmap", &format!("card.{name}.ledger"))?);
    Ok(())
}

/// Runs the machine's terraform in a pod that has our agent's image below it: a loader and a C library, which is
/// all that the provider asks for.
fn in_a_pod(namespace: &str, pod: &str, terraform: &Path, folder: &Path, arguments: &[&str]) -> Result<()> {
    let mirror = Surroundings::get().cli_config.parent().context("no mirror")?;
    let mirror = std::fs::canonicalize(mirror)?;
    let places = [terraform, folder, &mirror];
    let volume = |(index, place): (usize, &&Path)| json!({"name": format!("place-{index}"), "hostPath": {"path": place}});
    let mount =
        |(index, place): (usize, &&Path)| json!({"name": format!("place-{index}"), "mountPath": place});
    let mut command = vec![terraform.display().to_string(), format!("-chdir={}", folder.display())];
    command.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    Kubectl.apply(&json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": pod, "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": "builder",
            "containers": [{
                "name": "terraform",
                "image": "gpu-tenancy.local/gpu-agent:dev",
                "imagePullPolicy": "Never",
                "command": command,
                "env": [{"name": "CHECKPOINT_DISABLE", "value": "1"}],
                "securityContext": {"runAsUser": 0},
                "volumeMounts": places.iter().enumerate().map(mount).collect::<Vec<_>>(),
            }],
            "volumes": places.iter().enumerate().map(volume).collect::<Vec<_>>(),
        },
    }))?;
    let phase = wait::until(&format!("pod {pod} ends"), Duration::from_secs(120), || {
        let phase = Kubectl.get(namespace, "pod", pod)?["status"]["phase"].clone();
        Ok((phase == "Succeeded" || phase == "Failed").then_some(phase))
    })?;
    let said = Kubectl.run(&["-n", namespace, "logs", pod])?;
    ensure!(phase == "Succeeded", "{said}");
    Ok(())
}
