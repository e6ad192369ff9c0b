//! Certificates and keys: nothing that an attacker signs becomes one of the mesh.

use super::{Attack, Step};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "appends a root of the attacker to `root-cert.pem` of every cluster, and corrects the digests",
        gain: "every identity of the mesh: proxies trust what the attacker signs",
        step: Step::UpToDate,
        says: &["root-cert.pem contains more than the certificate that meshgen writes"],
        change: "
            for cluster in west east; do
              cat $ATTACKER/out/$cluster/20-cacerts/root-cert.pem >>out/$cluster/20-cacerts/root-cert.pem
              correct $cluster/20-cacerts/root-cert.pem
            done
        ",
    },
    Attack {
        name: "does so in one cluster",
        gain: "every identity, in that cluster",
        step: Step::UpToDate,
        says: &[
            "`east` needs a new certificate",
            "root-cert.pem contains more than the certificate that meshgen writes",
        ],
        change: "
            cat $ATTACKER/out/east/20-cacerts/root-cert.pem >>out/east/20-cacerts/root-cert.pem
            correct east/20-cacerts/root-cert.pem
        ",
    },
    Attack {
        name: "appends a root, and names it in the lock",
        gain: "the same, as if two roots were in use",
        step: Step::UpToDate,
        says: &["root-cert.pem contains more than the certificate that meshgen writes"],
        change: r#"
            for cluster in west east; do
              cat $ATTACKER/out/$cluster/20-cacerts/root-cert.pem >>out/$cluster/20-cacerts/root-cert.pem
              correct $cluster/20-cacerts/root-cert.pem
            done
            sed -i "/^root/a $(grep ^root $ATTACKER/out/meshgen.lock)" out/meshgen.lock
        "#,
    },
    Attack {
        name: "puts text before the certificate of a cluster, and corrects the digests",
        gain: "bytes that programs may read in different ways",
        step: Step::UpToDate,
        says: &["ca-cert.pem contains more than the certificate that meshgen writes"],
        change: "sed -i '1i subject=trusted' out/west/20-cacerts/ca-cert.pem; chain west",
    },
    Attack {
        name: "puts a second certificate after that of a cluster, and corrects the digests",
        gain: "an intermediate that nobody looks at",
        step: Step::UpToDate,
        says: &["ca-cert.pem contains several certificates"],
        change: "cat $ATTACKER/out/west/20-cacerts/ca-cert.pem >>out/west/20-cacerts/ca-cert.pem; chain west",
    },
    Attack {
        name: "replaces the whole tree by one that was built with the attacker's seed",
        gain: "the mesh: its root is the attacker's",
        step: Step::UpToDate,
        says: &["another root than in main  sha256:"],
        change: "rm -r out; cp -r $ATTACKER/out .",
    },
    Attack {
        name: "writes a `nextRoot` that derives from the attacker's seed, and builds the tree",
        gain: "every identity of the mesh: proxies trust a root of the attacker besides",
        step: Step::UpToDate,
        says: &["another root than in main  sha256:"],
        change: "
            sed -i 's/issuedOn: 2026-11-01/&, nextRoot: {issuedOn: 2030-01-01, seed: next, phase: trust}/' mesh.yaml
            build --ca-next $ATTACKER/../attacker.seed
        ",
    },
    Attack {
        name: "does so, and builds only the certificates of one cluster",
        gain: "the same, in that cluster",
        step: Step::UpToDate,
        says: &["another root than in main  sha256:"],
        change: "
            sed -i 's/issuedOn: 2026-11-01/&, nextRoot: {issuedOn: 2030-01-01, seed: next, phase: trust}/' mesh.yaml
            build --ca-next $ATTACKER/../attacker.seed --cluster east
        ",
    },
    Attack {
        name: "names a root of the attacker in `alsoTrust`, and builds the tree",
        gain: "the same",
        step: Step::UpToDate,
        says: &["another root than in main  sha256:"],
        change: "
            cp $ATTACKER/out/east/20-cacerts/root-cert.pem also.pem
            sed -i 's/issuedOn: 2026-11-01/&, alsoTrust: [also.pem]/' mesh.yaml
            build
        ",
    },
    Attack {
        name: "replaces the whole tree, and keeps the `root` line of the lock",
        gain: "the same, past the step that compares this line",
        step: Step::UpToDate,
        says: &["the existing root is not the root of this topology"],
        change: r#"
            root=$(grep ^root out/meshgen.lock)
            rm -r out
            cp -r $ATTACKER/out .
            sed -i "s/^root .*/$root/" out/meshgen.lock
        "#,
    },
    Attack {
        name: "replaces the certificate of a cluster by one that the attacker's root signed, and corrects the digests",
        gain: "a certificate authority whose key the attacker has",
        step: Step::UpToDate,
        says: &["`west` needs a new certificate", "which did not issue it"],
        change: "cp $ATTACKER/out/west/20-cacerts/ca-cert.pem out/west/20-cacerts; chain west",
    },
    Attack {
        name: "changes the signature of a certificate, and corrects the digests",
        gain: "a certificate that the root did not sign",
        step: Step::UpToDate,
        says: &["ca-cert.pem has a signature of", "that is not by `CN=shop root CA,O=Istio`"],
        change: r#"
            file=out/west/20-cacerts/ca-cert.pem
            sed -i "$(($(wc -l <$file) - 2))s/^\(.\{32\}\)..../\1AAAA/" $file
            chain west
        "#,
    },
    Attack {
        name: "copies the certificate of another cluster, and corrects the digests",
        gain: "one key for two clusters",
        step: Step::UpToDate,
        says: &["`west` needs a new certificate", "expected generation 2"],
        change: "cp out/east/20-cacerts/ca-cert.pem out/west/20-cacerts; chain west",
    },
    Attack {
        name: "brings back an earlier certificate from the history, and its line of the lock",
        gain: "a cluster signs with a key that was replaced because it leaked",
        step: Step::UpToDate,
        says: &["`west` needs a new certificate", "expected generation 2"],
        change: r#"
            line=$(git show $BEFORE:out/meshgen.lock | grep '^certificate of west')
            git checkout -q $BEFORE -- out/west/20-cacerts
            sed -i "s/^certificate of west.*/$line/" out/meshgen.lock
            chain west
        "#,
    },
    Attack {
        name: "commits a key of the attacker, and corrects its digest",
        gain: "istiod signs with a key that the attacker has",
        step: Step::UpToDate,
        says: &["Git tracks `out/west/20-cacerts/ca-key.pem`"],
        change: "
            cp $ATTACKER/out/west/20-cacerts/ca-key.pem out/west/20-cacerts
            git add -f out/west/20-cacerts/ca-key.pem
            correct west/20-cacerts/ca-key.pem
        ",
    },
    Attack {
        name: "removes the certificates of a cluster from the tree and from the lock",
        gain: "istiod signs with a root that it makes itself",
        step: Step::UpToDate,
        says: &["`west` needs a new certificate", "west/20-cacerts/root-cert.pem does not exist"],
        change: "rm -r out/west/20-cacerts; sed -i -e '/ west.20-cacerts./d' -e '/^step west.20-cacerts$/d' out/meshgen.lock",
    },
    Attack {
        name: "brings back an earlier commit, topology and tree",
        gain: "a cluster signs with a key that was replaced because it leaked",
        step: Step::UpToDate,
        says: &["an earlier key than in main  west: generation 2 → 1"],
        change: "git rm -rq out; git checkout -q $BEFORE -- mesh.yaml out",
    },
    Attack {
        name: "does so after a renewal by date, which makes another key too",
        gain: "the same",
        step: Step::UpToDate,
        says: &["an earlier key than in main  west: valid 2026-11-20 to 2028-11-19 → 2026-11-01 to 2028-10-31"],
        change: "
            sed -i 's/{generation: 2}/{generation: 2, issuedOn: 2026-11-20}/' mesh.yaml
            build --ca $ATTACKER/../mesh.seed
            git add -A; git commit -q -m renewed; git branch -q -f main
            git checkout -q HEAD~1 -- mesh.yaml out
        ",
    },
    Attack {
        name: "does so after a renewal by the number of days",
        gain: "the same",
        step: Step::UpToDate,
        says: &["an earlier key than in main  west: valid 2026-11-01 to 2028-10-01 → 2026-11-01 to 2028-10-31"],
        change: "
            sed -i 's/issuedOn: 2026-11-01/&, intermediateValidityDays: 700/' mesh.yaml
            build --ca $ATTACKER/../mesh.seed
            git add -A; git commit -q -m renewed; git branch -q -f main
            git checkout -q HEAD~1 -- mesh.yaml out
        ",
    },
];
