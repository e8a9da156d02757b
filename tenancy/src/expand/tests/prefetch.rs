//! The Job that fills a tenant's storage.

use super::*;

pub(super) fn prefetched() -> Tenant {
    let mut tenant = chatterbox();
    tenant.prefetch = Some(Prefetch {
        image: Some("ghcr.io/example/fetch:1".into()),
        command: vec!["fetch".into()],
        args: vec!["--to".into(), "/data".into()],
        env: BTreeMap::from([("REVISION".parse().unwrap(), "main".into())]),
        env_from_secrets: BTreeMap::from([(
            "HF_TOKEN".parse().unwrap(),
            SecretKey { secret: "hf".parse().unwrap(), key: "token".parse().unwrap(), optional: true },
        )]),
    });
    tenant
}

fn job_of(tenant: &Tenant) -> Object {
    super::tenant(tenant).of_kind(Kind::Job).next().unwrap().clone()
}

#[test]
fn a_prefetch_is_a_job_on_the_tenant_s_nodes_and_claim_without_a_slice() {
    let tenant = prefetched();
    let job = job_of(&tenant);
    let pod = &job.body["spec"]["template"]["spec"];
    assert!(!job.body.to_string().contains("nvidia.com/gpu\":\"1"), "no slice: {}", job.body);
    let server = pod_of(&tenant);
    for field in ["nodeSelector", "tolerations", "imagePullSecrets", "securityContext", "priorityClassName"] {
        assert_eq!(pod[field], server[field], "{field}");
    }
    let claim = |pod: &Value| {
        let volumes = pod["volumes"].as_array().unwrap();
        volumes.iter().find(|it| it["name"] == "storage").unwrap().clone()
    };
    assert_eq!(claim(pod), claim(&server));
    // Neither the Deployment nor the Service takes its pod for a server.
    let labels = &job.body["spec"]["template"]["metadata"]["labels"];
    assert_ne!(labels[NAME_LABEL], selector(&tenant.id)[NAME_LABEL]);
    insta::assert_json_snapshot!(job.body);
}

#[test]
fn what_a_prefetch_does_is_in_its_name() {
    let tenant = prefetched();
    let name = job_of(&tenant).name;
    assert_eq!(job_of(&tenant).name, name);
    let changes: [fn(&mut Tenant); 4] = [
        |t| t.prefetch.as_mut().unwrap().args.push("--all".into()),
        |t| t.prefetch.as_mut().unwrap().image = None,
        |t| t.pod.tolerations.clear(),
        |t| t.storage.as_mut().unwrap().mount_path = "/models".parse().unwrap(),
    ];
    let mut names = std::collections::BTreeSet::from([name]);
    for change in changes {
        let mut tenant = prefetched();
        change(&mut tenant);
        assert!(names.insert(job_of(&tenant).name), "other work is another Job");
    }
    let mut same = prefetched();
    same.suspend = true;
    same.server.image = "another:1".into();
    assert!(names.contains(&job_of(&same).name), "what is not its own changes nothing");
    let mut own_image = prefetched();
    own_image.prefetch.as_mut().unwrap().env.insert("NVIDIA_VISIBLE_DEVICES".parse().unwrap(), "none".into());
    let env = job_of(&own_image).body["spec"]["template"]["spec"]["containers"][0]["env"].clone();
    let seen = env.as_array().unwrap().iter().filter(|it| it["name"] == "NVIDIA_VISIBLE_DEVICES");
    assert_eq!(seen.map(|it| it["value"].clone()).collect::<Vec<_>>(), ["none"]);
}

/// Kubernetes makes no pod of a container that says nothing of what a quota bounds.
#[test]
fn a_prefetch_asks_for_what_the_quota_bounds_and_for_nothing_else() {
    let resources = |quota: &[&str]| {
        let mut tenant = prefetched();
        tenant.quota = quota.iter().map(|name| ((*name).to_owned(), "16Gi".parse().unwrap())).collect();
        assert_eq!(tenant.check(), []);
        job_of(&tenant).body["spec"]["template"]["spec"]["containers"][0]["resources"].clone()
    };
    let unbounded = resources(&["requests.nvidia.com/gpu", "requests.storage"]);
    assert_eq!(
        unbounded,
        job_of(&prefetched()).body["spec"]["template"]["spec"]["containers"][0]["resources"]
    );
    for quota in [["memory"], ["requests.memory"], ["limits.memory"]] {
        let bounded = resources(&quota);
        assert_eq!(
            (&bounded["requests"]["memory"], &bounded["limits"]["memory"]),
            (&json!("4Gi"), &json!("8Gi"))
        );
        assert!(bounded["requests"]["cpu"].is_null(), "{bounded}");
    }
    assert_eq!(resources(&["requests.cpu"])["requests"]["cpu"], "500m");
}

#[test]
fn without_storage_there_is_nothing_to_fill() {
    let tenant = Tenant { storage: None, ..prefetched() };
    assert_eq!(super::tenant(&tenant).of_kind(Kind::Job).count(), 0, "the check refuses it");
    assert!(tenant.check().iter().any(|problem| problem.to_string().starts_with("prefetch: ")));
}
