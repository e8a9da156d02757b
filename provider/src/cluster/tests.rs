//! How a client is made of what the user wrote, and what a program that hands out credentials may do to it.

use super::*;
use crate::connection::Exec;

const KUBECONFIG: &str = r#"
apiVersion: v1
kind: Config
current-context: one
clusters: [{name: c, cluster: {server: "https://10.0.0.1:6443"}}]
users: [{name: u, user: {token: from-the-file}}]
contexts: [{name: one, context: {cluster: c, user: u}}, {name: two, context: {cluster: c, user: u}}]
"#;

fn entries(connection: &Connection) -> Entries {
    entries_of(KUBECONFIG, connection)
}

fn entries_of(kubeconfig: &str, connection: &Connection) -> Entries {
    let merged = Kubeconfig::from_yaml(kubeconfig).unwrap();
    let mut entries = chosen(&merged, connection).ok().unwrap();
    overlay(&mut entries, connection);
    entries
}

fn of_file() -> Connection {
    Connection { config_paths: vec!["kubeconfig".into()], ..Connection::default() }
}

#[test]
fn a_proxy_is_named_without_its_password() {
    let mut config = Config::new("https://10.0.0.1:6443".parse().unwrap());
    assert_eq!(known_as(&config), "https://10.0.0.1:6443/");
    config.proxy_url = Some("http://me:secret@proxy.example.org:3128".parse().unwrap());
    assert_eq!(known_as(&config), "https://10.0.0.1:6443/ through the proxy proxy.example.org:3128");
}

#[tokio::test]
async fn a_certificate_that_nobody_checks_needs_no_authorities() {
    let with = |host: &str, insecure: Option<bool>| Connection {
        host: Some(host.to_owned()),
        insecure,
        ..Connection::default()
    };
    let cases = [
        (with("https://10.0.0.1:6443", Some(true)), Some(Vec::new())),
        (with("http://10.0.0.1:8001", None), Some(Vec::new())),
        (with("https://10.0.0.1:6443", Some(false)), None),
    ];
    for (connection, authorities) in cases {
        let mut config = config(&connection).await.unwrap();
        trust_nobody_in_vain(&mut config);
        assert_eq!(config.root_cert, authorities, "{connection:?}");
        assert!(authorities.is_none() || Client::try_from(config).is_ok());
    }
}

#[test]
fn a_client_certificate_takes_the_place_of_the_file_s_token() {
    let entries = entries(&Connection {
        client_certificate_pem: Some("CERT".into()),
        client_key_pem: Some("KEY".into()),
        ..of_file()
    });
    assert_eq!(entries.user.client_certificate_data, Some(STANDARD.encode("CERT")));
    assert!(entries.user.client_key_data.is_some() && entries.user.token.is_none());
    assert_eq!(entries.cluster.server.as_deref(), Some("https://10.0.0.1:6443"));
}

#[test]
fn an_exec_plugin_is_run_as_it_is_written_and_never_asks() {
    let exec = Exec {
        api_version: "client.authentication.k8s.io/v1".into(),
        command: "aws".into(),
        args: vec!["eks".into()],
        env: vec![("AWS_PROFILE".into(), "gpu".into())],
    };
    let user = entries(&Connection { exec: Some(exec), ..of_file() }).user;
    let exec = serde_json::to_value(user.exec.unwrap()).unwrap();
    assert_eq!((&exec["command"], &exec["args"][0]), (&"aws".into(), &"eks".into()));
    assert_eq!(exec["env"], serde_json::json!([{"name": "AWS_PROFILE", "value": "gpu"}]));
    assert_eq!(exec["interactiveMode"], "Never");
    assert!(user.token.is_none());
    let with_exec = KUBECONFIG.replace("token: from-the-file", "exec: {command: aws}");
    let exec = entries_of(&with_exec, &of_file()).user.exec.unwrap();
    assert_eq!(exec.interactive_mode, Some(ExecInteractiveMode::Never));
}

/// A cluster whose credentials a program hands out, with arguments and an environment that may be secrets.
fn with_program(command: &str, args: &[&str]) -> Cluster {
    let exec = Exec {
        api_version: "client.authentication.k8s.io/v1".into(),
        command: command.into(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        env: vec![("BADGE".into(), "hush".into())],
    };
    let host = Some("http://127.0.0.1:1".to_owned());
    let connection = Connection { host, exec: Some(exec), ..Connection::default() };
    Cluster::new(Target::Known(Box::new(connection)))
}

fn anything() -> Ask {
    Ask { method: Method::GET, path: "/version".into(), content_type: None, body: None }
}

#[tokio::test]
async fn a_program_that_hands_out_nothing_is_told_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let ended = "the credentials' program sh ended with exit status: 7: log in again";
    let rows = [
        ("echo $BADGE; echo 'log in again.' >&2; exit 7", ended),
        ("exit 7", "the credentials' program sh ended with exit status: 7: it said nothing of why"),
        ("echo \"{ $BADGE\"", "what the credentials' program sh printed is no ExecCredential in JSON"),
        // It is asked again when its first credentials have ended.
        (
            r#"test -e "$1/asked" && { echo $BADGE; echo 'log in again' >&2; exit 7; }; touch "$1/asked"
                echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
                       "status": {"token": "'$BADGE'", "expirationTimestamp": "2020-11-21T02:00:00Z"}}'"#,
            ended,
        ),
    ];
    let refused =
        async |command: &str, args: &[&str]| match with_program(command, args).send(&anything()).await {
            Err(Failure::Configuration { cause }) => cause,
            other => panic!("{args:?}: {other:?}"),
        };
    for (script, words) in rows {
        let folder = folder.path().display().to_string();
        assert_eq!(refused("sh", &["-c", script, "sh", &folder]).await, words, "{script}");
    }
    let absent = refused("/nowhere/aws", &["hush"]).await;
    assert!(
        absent.starts_with("the credentials' program /nowhere/aws cannot be started: No such file"),
        "{absent}"
    );
}

#[tokio::test]
async fn a_program_that_hangs_is_given_up_and_started_once() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo asked >> \"$1/asked\"; sleep 2";
    let cluster = with_program("sh", &["-c", script, "sh", &folder.path().display().to_string()]);
    let patience = std::time::Duration::from_millis(300);
    let begun = std::time::Instant::now();
    for _ in 0..3 {
        assert!(tokio::time::timeout(patience, cluster.send(&anything())).await.is_err());
    }
    assert!(begun.elapsed() < patience * 5, "{:?}", begun.elapsed());
    assert_eq!(cluster.known_as(), "the credentials' program sh");
    assert_eq!(std::fs::read_to_string(folder.path().join("asked")).unwrap(), "asked\n");
}

#[test]
fn a_context_that_the_file_lacks_is_named_with_those_that_it_has() {
    let merged = Kubeconfig::from_yaml(KUBECONFIG).unwrap();
    let failure = chosen(&merged, &Connection { context: Some("three".into()), ..of_file() });
    let Some(Failure::KubeconfigEntry { name, known, .. }) = failure.err() else { panic!("accepted") };
    assert_eq!((name.as_str(), known), ("three", vec!["one".to_owned(), "two".to_owned()]));
}

#[tokio::test]
async fn host_proxy_and_server_name_reach_the_client() {
    let connection = Connection {
        host: Some("https://api.example.org:6443".into()),
        token: Some("t".into()),
        proxy_url: Some("http://proxy.example.org:3128".into()),
        tls_server_name: Some("kubernetes".into()),
        insecure: Some(true),
        ..Connection::default()
    };
    let config = config(&connection).await.unwrap();
    assert_eq!(config.cluster_url.to_string(), "https://api.example.org:6443/");
    assert_eq!(config.proxy_url.unwrap().to_string(), "http://proxy.example.org:3128/");
    assert_eq!(config.tls_server_name.as_deref(), Some("kubernetes"));
    assert!(config.accept_invalid_certs);
}
