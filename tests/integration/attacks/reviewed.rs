//! What the topology may say. The pipeline shows it, and is green.

use super::{Attack, Step};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "changes the address of a gateway, in the topology and in the tree",
        gain: "the traffic between clusters, which mutual TLS protects; requests fail",
        step: Step::Diff,
        says: &["gateway address changes", "from 10.0.1.100 to 203.0.113.9"],
        change: "sed -i 's/10.0.1.100/203.0.113.9/' mesh.yaml; build",
    },
    Attack {
        name: "changes the address of an API server",
        gain: "a credential of the cluster, at the next run of `remote-secrets.sh`",
        step: Step::Diff,
        says: &["west renews east"],
        change: "sed -i 's/10.0.1.1:6443/203.0.113.9:6443/' mesh.yaml; build",
    },
    Attack {
        name: "names another CA for an API server",
        gain: "a credential of the cluster, if the attacker is on the way there",
        step: Step::Diff,
        says: &["west renews east"],
        change: "
            cp $ATTACKER/out/east/20-cacerts/root-cert.pem ca.pem
            sed -i 's/10.0.1.1:6443/&\\n    apiServerCA: ca.pem/' mesh.yaml; build
        ",
    },
    Attack {
        name: "names a proxy on the way to an API server",
        gain: "to be on the way there",
        step: Step::Diff,
        says: &["west renews east", "way 'east' '' 'http://203.0.113.9:3128'"],
        change: r"sed -i 's|10.0.1.1:6443|&\n    proxyURL: http://203.0.113.9:3128|' mesh.yaml; build",
    },
    Attack {
        name: "has clusters push their tokens to a store",
        gain: "a credential of each cluster, for whoever reads the store",
        step: Step::Diff,
        says: &["PushSecret istio-reader is new", "nobody runs `remote-secrets.sh` any more"],
        change: r"sed -i 's/^networks:/remoteAccess: externalSecrets\nsecrets: {store: {name: loot}}\n&/' mesh.yaml; build",
    },
    Attack {
        name: "changes the context of a cluster",
        gain: "commands that go to another cluster",
        step: Step::Diff,
        says: &["member 'west' 'production'"],
        change: "sed -i 's/  - name: west/&\\n    context: production/' mesh.yaml; build",
    },
    Attack {
        name: "adds a remote, which needs no certificate of its own",
        gain: "a cluster in the mesh, and its workloads' certificates",
        step: Step::Diff,
        says: &["joins the mesh in north"],
        change: r"
            printf '  - name: north\n    network: lan\n    controlPlane: west\n    apiServer: https://203.0.113.9:6443\n' >>mesh.yaml
            build
        ",
    },
    Attack {
        name: "removes a cluster",
        gain: "an outage",
        step: Step::Diff,
        says: &["leaves the mesh in east"],
        change: "sed -i -e '/  - name: east/,$d' -e 's/, {name: cloud}//' mesh.yaml; build",
    },
    Attack {
        name: "changes the trust domain",
        gain: "an outage, or identities that policies do not expect",
        step: Step::Diff,
        says: &["interrupts requests", "the trust domain is in every certificate's SPIFFE name"],
        change: "sed -i 's/  id: shop/&\\n  trustDomain: shop.example/' mesh.yaml; build",
    },
    Attack {
        name: "takes Istio's images from another registry",
        gain: "programs in every cluster",
        step: Step::Diff,
        says: &["restart proxies in east, west", "203.0.113.9/istio"],
        change: "
            sed -i 's|{version: 1.30.3}|{version: 1.30.3, values: {global: {hub: 203.0.113.9/istio}}}|' mesh.yaml
            build
        ",
    },
    Attack {
        name: "names another authority, which proxies ask for certificates",
        gain: "an outage; with `authority: none`, every identity of the mesh",
        step: Step::Diff,
        says: &["restart proxies in east, west", "caAddress: 203.0.113.9:443"],
        change: "
            sed -i 's|{version: 1.30.3}|{version: 1.30.3, values: {global: {caAddress: 203.0.113.9:443}}}|' mesh.yaml
            build
        ",
    },
    Attack {
        name: "adds a directory of its own to that of a cluster",
        gain: "any object in a cluster, where a controller applies every directory",
        step: Step::UpToDate,
        says: &["note: `west/70-more/` in out is not from meshgen"],
        change: "mkdir out/west/70-more; echo 'resources: [https://203.0.113.9/x]' >out/west/70-more/kustomization.yaml",
    },
    Attack {
        name: "adds a directory whose name is not valid UTF-8",
        gain: "the same",
        step: Step::UpToDate,
        says: &["note: `west/70-more\u{fffd}/` in out is not from meshgen"],
        change: r"mkdir out/west/70-more$'\xff'; echo 'resources: []' >out/west/70-more$'\xff'/kustomization.yaml",
    },
    Attack {
        name: "takes Istio's charts from another repository",
        gain: "programs in every cluster",
        step: Step::Diff,
        says: &[
            "Istio's charts come from: https://istio-release.storage.googleapis.com/charts → https://203.0.113.9/charts",
        ],
        change: "
            sed -i 's|{version: 1.30.3}|{version: 1.30.3, install: helm}|' mesh.yaml; build
            git add -A; git commit -q -m helm; git branch -q -f main
            sed -i 's|install: helm|&, charts: https://203.0.113.9/charts|' mesh.yaml; build
        ",
    },
    Attack {
        name: "has the controller read another repository",
        gain: "anything in every cluster",
        step: Step::Diff,
        says: &["Flux reads: https://git.example.com/mesh.git", "→ https://203.0.113.9/mesh.git"],
        change: r#"
            sed -i -e 's|{version: 1.30.3}|{version: 1.30.3, install: helm}|' -e "s|^networks:|$RECIPIENTS\ngitops: {controller: flux, repository: https://git.example.com/mesh.git, path: out}\n&|" mesh.yaml
            build --ca $ATTACKER/../mesh.seed
            git add -A; git commit -q -m flux; git branch -q -f main
            sed -i 's|git.example.com|203.0.113.9|' mesh.yaml; build
        "#,
    },
    Attack {
        name: "has `install.sh` restart the workloads of another namespace",
        gain: "an outage",
        step: Step::Diff,
        says: &["workloads restart in: shop → shop, kube-public"],
        change: "sed -i 's/namespaces: .shop/&, kube-public/' mesh.yaml; build",
    },
];
