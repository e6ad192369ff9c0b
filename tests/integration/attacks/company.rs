//! The files of an authority of one's own, of which the attacker has no key.

use super::{Attack, Step};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "replaces the certificates of every cluster by the attacker's, and builds the tree",
        gain: "the mesh: its root is the attacker's",
        step: Step::UpToDate,
        says: &["another root than in main  sha256:"],
        change: "rm -r pki; cp -r $ATTACKER/pki .; build --replace-root",
    },
    Attack {
        name: "replaces them, and leaves the tree as it is",
        gain: "the same, at the next build",
        step: Step::UpToDate,
        says: &["out/meshgen.lock names another root"],
        change: "rm -r pki; cp -r $ATTACKER/pki .",
    },
    Attack {
        name: "replaces the certificates of one cluster",
        gain: "every identity, in that cluster",
        step: Step::Check,
        says: &["root-cert.pem of `east` is not the root of `west`"],
        change: "rm -r pki/east; cp -r $ATTACKER/pki/east pki",
    },
    Attack {
        name: "appends a root to `root-cert.pem` of one cluster",
        gain: "every identity, in that cluster",
        step: Step::UpToDate,
        says: &["differs  east/20-cacerts/root-cert.pem"],
        change: "cat $ATTACKER/pki/east/root-cert.pem >>pki/east/root-cert.pem",
    },
    Attack {
        name: "does so, and builds the tree",
        gain: "the same",
        step: Step::UpToDate,
        says: &["another root than in main  sha256:"],
        change: "
            cat $ATTACKER/pki/east/root-cert.pem >>pki/east/root-cert.pem
            build
        ",
    },
    Attack {
        name: "appends a root to `root-cert.pem` of every cluster, and builds the tree",
        gain: "every identity of the mesh",
        step: Step::UpToDate,
        says: &["another root than in main  sha256:"],
        change: "
            for cluster in east west; do
              cat $ATTACKER/pki/east/root-cert.pem >>pki/$cluster/root-cert.pem
            done
            build --replace-root
        ",
    },
    Attack {
        name: "does so, and removes the new `root` line from the lock",
        gain: "the same, past the step that compares these lines",
        step: Step::UpToDate,
        says: &["differs  meshgen.lock"],
        change: r#"
            root=$(grep ^root out/meshgen.lock)
            for cluster in east west; do
              cat $ATTACKER/pki/east/root-cert.pem >>pki/$cluster/root-cert.pem
            done
            build --replace-root
            sed -i "\|^root|{/^$root\$/!d}" out/meshgen.lock
        "#,
    },
    Attack {
        name: "replaces one intermediate by one that the attacker's root signed",
        gain: "a certificate authority whose key the attacker has",
        step: Step::Check,
        says: &["ca-cert.pem of `east` has `L=east,CN=shop intermediate CA,O=Istio` followed by"],
        change: "
            cp $ATTACKER/pki/east/ca-cert.pem pki/east
            cat pki/east/ca-cert.pem pki/east/root-cert.pem >pki/east/cert-chain.pem
        ",
    },
    Attack {
        name: "gives a cluster the certificate of another one",
        gain: "one key for two clusters",
        step: Step::Check,
        says: &["ca-cert.pem of `east` has the same key as `west`"],
        change: "cp pki/east/c*.pem pki/west",
    },
    Attack {
        name: "commits a key of the attacker",
        gain: "istiod signs with a key that the attacker has",
        step: Step::Check,
        says: &["pki/east/ca-key.pem is open to others"],
        change: "cp $ATTACKER/out/east/20-cacerts/ca-key.pem pki/east",
    },
    Attack {
        name: "replaces a certificate by a link out of the repository",
        gain: "a file of the machine that changes later",
        step: Step::Check,
        says: &["the file `pki/east/ca-cert.pem` leads to"],
        change: "mv pki/east/ca-cert.pem ../shared.pem; ln -s \"$(realpath ../shared.pem)\" pki/east/ca-cert.pem",
    },
    Attack {
        name: "replaces the directory of a cluster by a link out of the repository",
        gain: "files of the machine that change later",
        step: Step::Check,
        says: &["the file `pki/east/root-cert.pem` leads to"],
        change: "mv pki/east ../shared; ln -s \"$(realpath ../shared)\" pki/east",
    },
    Attack {
        name: "lists a private key in the lock",
        gain: "a key of the attacker counts as that of the mesh",
        step: Step::UpToDate,
        says: &["differs  meshgen.lock"],
        change: "
            cp $ATTACKER/out/east/20-cacerts/ca-key.pem out/east/20-cacerts
            list east/20-cacerts/ca-key.pem
            rm out/east/20-cacerts/ca-key.pem
        ",
    },
];
