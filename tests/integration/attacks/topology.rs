//! The topology: what needs a certificate needs the seed.

use super::{Attack, Step};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "adds a cluster of the attacker",
        gain: "a certificate authority of the mesh",
        step: Step::UpToDate,
        says: &["`north` needs a new certificate, and only the seed can make it"],
        change: r"printf '  - name: north\n    network: lan\n    apiServer: https://203.0.113.9:6443\n' >>mesh.yaml",
    },
    Attack {
        name: "does so, with a directory and certificates of the attacker",
        gain: "the same",
        step: Step::UpToDate,
        says: &["`north` needs a new certificate, and only the seed can make it", "cert-chain.pem has a signature of"],
        change: r"
            printf '  - name: north\n    network: lan\n    apiServer: https://203.0.113.9:6443\n' >>mesh.yaml
            cp -r out/east out/north
            sed -n '/^[0-9a-f]\{64\} east/s/ east/ north/p' out/meshgen.lock >lines
            cat lines >>out/meshgen.lock
            rm lines
            cp $ATTACKER/out/east/20-cacerts/{ca-cert,cert-chain}.pem out/north/20-cacerts
            correct north/20-cacerts/ca-cert.pem north/20-cacerts/cert-chain.pem
        ",
    },
    Attack {
        name: "names a file of the machine as the CA of an API server",
        gain: "the file, in the report of a check or in the tree",
        step: Step::Check,
        says: &["`../../../../../../etc/passwd` leads out of the repository"],
        change: r"sed -i 's|10.0.1.1:6443|&\n    apiServerCA: ../../../../../../etc/passwd|' mesh.yaml",
    },
    Attack {
        name: "changes the mesh ID",
        gain: "a new root at the next build",
        step: Step::UpToDate,
        says: &["the existing root is not the root of this topology"],
        change: "sed -i 's/id: shop/id: other/' mesh.yaml",
    },
    Attack {
        name: "changes `certificates.issuedOn`",
        gain: "a new root at the next build",
        step: Step::UpToDate,
        says: &["the existing root is not the root of this topology"],
        change: "sed -i 's/issuedOn: 2026-11-01/issuedOn: 2026-11-02/' mesh.yaml",
    },
    Attack {
        name: "changes `certificates.naming`",
        gain: "a new root at the next build",
        step: Step::UpToDate,
        says: &["the existing root is not the root of this topology"],
        change: "sed -i 's/issuedOn: 2026-11-01/&, naming: 2/' mesh.yaml",
    },
    Attack {
        name: "lets intermediates last ten years",
        gain: "a stolen key is of use for longer",
        step: Step::UpToDate,
        says: &["`west` needs a new certificate", "from 2026-11-01 to 2036-10-29"],
        change: "sed -i 's/issuedOn: 2026-11-01/&, intermediateValidityDays: 3650/' mesh.yaml",
    },
    Attack {
        name: "asks for a new key of a cluster",
        gain: "a person with the seed signs what the attacker asks for",
        step: Step::UpToDate,
        says: &["`west` needs a new certificate", "expected generation 3"],
        change: "sed -i 's/generation: 2/generation: 3/' mesh.yaml",
    },
    Attack {
        name: "takes certificates from an authority of the attacker, and builds the tree",
        gain: "the mesh: its root is the attacker's",
        step: Step::UpToDate,
        says: &["another root than in main  sha256:"],
        change: "cp -r $ATTACKER/pki .; external; build --replace-root",
    },
    Attack {
        name: "does so, and keeps the `root` line of the lock",
        gain: "the same, past the step that compares this line",
        step: Step::UpToDate,
        says: &["out/meshgen.lock names another root", "from: the certificates of `pki`"],
        change: r#"
            root=$(grep ^root out/meshgen.lock)
            cp -r $ATTACKER/pki .
            external
            build --replace-root
            sed -i "s/^root .*/$root/" out/meshgen.lock
        "#,
    },
    Attack {
        name: "says `authority: none`",
        gain: "the next build takes the certificates out, and every istiod signs with a root of its own",
        step: Step::UpToDate,
        says: &["out/meshgen.lock names another root", "would be: one that meshgen does not know"],
        change: "none",
    },
    Attack {
        name: "does so, and builds the tree",
        gain: "the same, past the comparison with the tree",
        step: Step::UpToDate,
        says: &["another root than in main  sha256:", "→ one that meshgen does not know"],
        change: "none; build --replace-root",
    },
    Attack {
        name: "takes certificates from a directory outside the repository",
        gain: "files of the machine",
        step: Step::Check,
        says: &["outside"],
        change: "external; sed -i 's|directory: pki|directory: ../..|' mesh.yaml",
    },
    Attack {
        name: "takes certificates from a directory that is a link",
        gain: "files of the machine",
        step: Step::Check,
        says: &["the directory `pki` leads to /etc, outside"],
        change: "external; ln -s /etc pki",
    },
    Attack {
        name: "replaces the topology by a link to `/proc/self/environ`",
        gain: "the log shows the secrets of the job",
        step: Step::Check,
        says: &["mesh.yaml: is a symbolic link that leads out of"],
        change: "ln -sf /proc/self/environ mesh.yaml",
    },
    Attack {
        name: "adds a second document to the topology",
        gain: "another program reads another topology",
        step: Step::Check,
        says: &["a second document begins here"],
        change: r"printf -- '---\nkind: ConfigMap\n' >>mesh.yaml",
    },
    Attack {
        name: "gives two gateways one address, and allows it",
        gain: "the traffic of another cluster",
        step: Step::Check,
        says: &["`duplicate-address` is an error, and errors cannot be allowed"],
        change: r"
            sed -i 's/  allow:/&\n    - {rule: duplicate-address, reason: it is meant to be so}/' mesh.yaml
            sed -i 's/10.0.1.100/10.0.0.100/' mesh.yaml
        ",
    },
    Attack {
        name: "changes the address of a gateway in the topology only",
        gain: "the next build changes it, after the review",
        step: Step::UpToDate,
        says: &["differs  verify.sh"],
        change: "sed -i 's/10.0.1.100/203.0.113.9/' mesh.yaml",
    },
    Attack {
        name: "removes the topology",
        gain: "nothing to compare the tree with",
        step: Step::Check,
        says: &["mesh.yaml: there is no such file or directory"],
        change: "rm mesh.yaml",
    },
    Attack {
        name: "adds a root to the mesh config, and builds the tree",
        gain: "every identity of the mesh: proxies trust a root of the attacker besides",
        step: Step::UpToDate,
        says: &["other roots in the configuration of Istio than in main  east: `caCertificates`"],
        change: r#"
            root=$(cat $ATTACKER/out/east/20-cacerts/root-cert.pem)
            told="meshConfig: {caCertificates: [{pem: \"${root//$'\n'/\\\\n}\"}]}"
            sed -i "s#{version: 1.30.3}#{version: 1.30.3, $told}#" mesh.yaml
            build
        "#,
    },
    Attack {
        name: "does so in the other spelling of protobuf",
        gain: "the same",
        step: Step::UpToDate,
        says: &["other roots in the configuration of Istio than in main  east: `caCertificates`"],
        change: "
            sed -i 's/{version: 1.30.3}/{version: 1.30.3, meshConfig: {default_config: {ca_certificates_pem: [x]}}}/' mesh.yaml
            build
        ",
    },
    Attack {
        name: "has istiod fetch a root, and builds the tree",
        gain: "the same",
        step: Step::UpToDate,
        says: &["other roots in the configuration of Istio than in main  east: `caCertificates`"],
        change: "
            env='{SPIFFE_BUNDLE_ENDPOINTS: \"cluster.local|https://203.0.113.9\"}'
            sed -i \"s#{version: 1.30.3}#{version: 1.30.3, values: {pilot: {env: $env}}}#\" mesh.yaml
            build
        ",
    },
];
