//! uninstall.sh

use super::*;

#[test]
fn nothing_is_uninstalled_unless_asked_for() {
    let simulator = installed("1.30.3");
    simulator.called();
    refused(&simulator.run("uninstall.sh", &[]), 2, "Nothing was removed");
    assert_eq!(simulator.called(), Vec::<String>::new());
}

fn object(kind: &str, name: &str, more: &Value) -> Value {
    let mut object = json!({"kind": kind, "metadata": {"name": name, "namespace": "istio-system"}});
    for (field, value) in more.as_object().into_iter().flatten() {
        object[field] = value.clone();
    }
    object
}

#[test]
fn an_uninstallation_leaves_nothing_of_ours_and_all_of_others() {
    for version in ["1.11.2", "1.30.3"] {
        let simulator = installed(version);
        for (kind, name, more) in [
            ("Deployment", "kiali", json!({})),
            ("ConfigMap", "istio-my-dashboards", json!({})),
            ("Secret", "vault-token", json!({"type": "Opaque"})),
            ("Secret", "default-token-x2", json!({"type": "kubernetes.io/service-account-token"})),
            ("AuthorizationPolicy", "deny", json!({})),
            ("Service", "of-another-operator", json!({})),
            ("Lease", "istio-gateway-deployment-default", json!({})),
        ] {
            simulator.put(EAST, &object(kind, name, &more));
        }
        let mut other = simulator.object(EAST, "Service/istio-system/of-another-operator").unwrap();
        other["metadata"]["labels"] = json!({
            "install.operator.istio.io/owning-resource": "ingress",
            "install.operator.istio.io/owning-resource-namespace": "istio-system",
        });
        simulator.put(EAST, &other);
        simulator.put(WEST, &object("ConfigMap", "kube-root-ca.crt", &json!({})));
        simulator.called();
        let said = simulator.run("uninstall.sh", &["--yes"]);
        done(&said);
        for kept in [
            "Deployment kiali",
            "ConfigMap istio-my-dashboards",
            "Secret vault-token",
            "AuthorizationPolicy deny",
            "Service of-another-operator",
        ] {
            assert!(said.text.contains(&format!("  {kept}\n")), "{kept}: {}", said.text);
        }
        assert!(
            said.text.contains("the namespace istio-system stays, because these are not from meshgen"),
            "{}",
            said.text
        );
        let calls = simulator.called();
        assert!(
            position(&calls, &["west", "delete", "owning-resource"])
                < position(&calls, &["east's", "delete", "owning-resource"])
        );
        // Not even what has our names takes a CustomResourceDefinition with it, and with it every object of its kind.
        assert!(!calls.iter().any(|call| call.contains("delete customresourcedefinition") || call.contains("--purge")));
        // West is as it was before the installation, but for the definitions.
        let is_definition =
            |key: &str| key.starts_with("CustomResourceDefinition/") || key.contains("istio-ca-root-cert");
        let left: Vec<String> =
            simulator.objects(WEST).into_iter().map(|(key, _)| key).filter(|key| !is_definition(key)).collect();
        assert_eq!(
            left,
            ["Namespace//default", "Namespace//kube-system", "Namespace//shop", "Deployment/shop/reviews"]
        );
        done(&simulator.run("uninstall.sh", &["--yes", "--crds"]));
        assert!(!simulator.objects(WEST).keys().any(|key| key.starts_with("CustomResourceDefinition/")));
    }
}

#[test]
fn one_cluster_goes_and_the_others_stay() {
    let simulator = installed("1.30.3");
    let before = simulator.objects(EAST);
    simulator.called();
    let said = simulator.run("uninstall.sh", &["--yes", "--cluster", "west"]);
    refused(&said, 0, "The other clusters keep the credentials of these");
    assert!(simulator.called().iter().all(|call| call.contains(WEST)));
    assert_eq!(simulator.objects(EAST), before);
    assert!(!simulator.objects(WEST).contains_key("Namespace//istio-system"));
}

#[test]
fn the_endpoint_slice_that_istioctl_leaves_goes_too() {
    let simulator = installed("1.30.3");
    // Labels that somebody took away do not keep it.
    let mut slice = simulator.object(WEST, "EndpointSlice/istio-system/istiod").unwrap();
    slice["metadata"]["labels"] = json!({});
    simulator.put(WEST, &slice);
    simulator.put(WEST, &object("Deployment", "kiali", &json!({})));
    done(&simulator.run("uninstall.sh", &["--yes"]));
    let left: Vec<String> =
        simulator.objects(WEST).into_iter().map(|(key, _)| key).filter(|key| key.contains("/istio-system/")).collect();
    assert_eq!(left, ["ConfigMap/istio-system/istio-ca-root-cert", "Deployment/istio-system/kiali"]);
}

#[test]
fn what_is_being_deleted_or_belongs_to_another_object_does_not_keep_the_namespace() {
    let simulator = installed("1.30.3");
    for metadata in [
        json!({"name": "slow", "namespace": "istio-system", "deletionTimestamp": "2026-11-26T00:00:00Z"}),
        json!({"name": "owned", "namespace": "istio-system", "ownerReferences": [{"kind": "Deployment", "name": "zipkin"}]}),
    ] {
        simulator.put(WEST, &json!({"kind": "ConfigMap", "metadata": metadata}));
    }
    done(&simulator.run("uninstall.sh", &["--yes"]));
    assert!(!simulator.objects(WEST).contains_key("Namespace//istio-system"));
}

#[test]
fn a_namespace_of_another_mesh_is_left_alone() {
    for (manager, mesh) in [("meshgen", "mesh2"), ("Helm", "mesh1"), ("", "")] {
        let simulator = installed("1.30.3");
        // The remote is ours, the primary's context leads elsewhere: nothing is removed anywhere.
        let labels = json!({"app.kubernetes.io/managed-by": manager, "app.kubernetes.io/part-of": mesh});
        simulator.put(EAST, &json!({"kind": "Namespace", "metadata": {"name": "istio-system", "labels": labels}}));
        simulator.called();
        let said = simulator.run("uninstall.sh", &["--yes"]);
        refused(&said, 1, "the namespace istio-system is not of mesh mesh1");
        assert!(said.text.contains("cluster east was not cleaned"), "{}", said.text);
        assert!(!simulator.called().iter().any(|call| call.contains(" delete ")));
    }
    let simulator = installed("1.30.3");
    simulator.remove(WEST, "Namespace//istio-system");
    refused(&simulator.run("uninstall.sh", &["--yes"]), 0, "namespace istio-system does not exist");
}
