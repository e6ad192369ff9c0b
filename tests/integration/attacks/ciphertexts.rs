//! Private keys that SOPS encrypted, of which the attacker knows the recipients.

use super::{Attack, Step};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "encrypts a key of the attacker for the cluster, and corrects the digest",
        gain: "istiod gets the attacker's key; it does not belong to the certificate, so that istiod does not start",
        step: Step::UpToDate,
        says: &["another ciphertext than in main, of the same key for the same readers  west"],
        change: "transplant west $ATTACKER/sops/west/20-cacerts/cacerts.sops.yaml",
    },
    Attack {
        name: "does so, and writes the digest of the attacker's key into the lock",
        gain: "the same",
        step: Step::UpToDate,
        says: &["another ciphertext than in main, of the same key for the same readers  west"],
        change: r#"
            transplant west $ATTACKER/sops/west/20-cacerts/cacerts.sops.yaml
            sed -i "s/^key of west .*/$(grep '^key of west' $ATTACKER/sops/meshgen.lock)/" out/meshgen.lock
        "#,
    },
    Attack {
        name: "brings back the ciphertext of an earlier key, and corrects the digest",
        gain: "istiod gets a key that was replaced",
        step: Step::UpToDate,
        says: &["another ciphertext than in main, of the same key for the same readers  west"],
        change: "
            git show $BEFORE:out/west/20-cacerts/cacerts.sops.yaml >earlier
            transplant west earlier
            rm earlier
        ",
    },
    Attack {
        name: "exchanges the ciphertexts of two clusters, and corrects the digests",
        gain: "each istiod gets the other's key",
        step: Step::UpToDate,
        says: &["of the same key for the same readers  east", "of the same key for the same readers  west"],
        change: "
            cp out/west/20-cacerts/cacerts.sops.yaml one
            transplant west out/east/20-cacerts/cacerts.sops.yaml
            transplant east one
            rm one
        ",
    },
    Attack {
        name: "adds a recipient to the file, and corrects the digest",
        gain: "the next who encrypts the file with `sops` encrypts it for the attacker too",
        step: Step::UpToDate,
        says: &["`west` needs a new ciphertext"],
        change: r"
            file=west/20-cacerts/cacerts.sops.yaml
            sed -n '/^  - enc:/,/^    recipient:/p' out/$file | sed '/recipient:/s/age1.*/age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg/' >stanza
            sed -i '/^  age:/r stanza' out/$file
            rm stanza
            correct $file
        ",
    },
    Attack {
        name: "adds a recipient to the topology",
        gain: "who builds with the seed next encrypts the keys for the attacker too",
        step: Step::UpToDate,
        says: &["`west` needs a new ciphertext", "`east` needs a new ciphertext"],
        change: "sed -i 's/ageRecipients: \\[/&age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg, /' mesh.yaml",
    },
    Attack {
        name: "appends a root of the attacker to the certificates in the Secret, and corrects the digest",
        gain: "every identity, in that cluster",
        step: Step::UpToDate,
        says: &["`west` needs a new ciphertext"],
        change: r"
            sed 's/^/    /' $ATTACKER/out/west/20-cacerts/root-cert.pem >root
            sed -i '/^  root-cert.pem:/r root' out/west/20-cacerts/cacerts.sops.yaml
            rm root
            correct west/20-cacerts/cacerts.sops.yaml
        ",
    },
    Attack {
        name: "replaces the Secret by one that is not encrypted, and corrects the digest",
        gain: "istiod signs with what the attacker has",
        step: Step::UpToDate,
        says: &["`west` needs a new ciphertext"],
        change: r"
            sed -i -e '/^sops:/,/^stringData:/{/^stringData:/!d}' -e 's/^  ca-key.pem: .*/  ca-key.pem: of the attacker/' \
              out/west/20-cacerts/cacerts.sops.yaml
            correct west/20-cacerts/cacerts.sops.yaml
        ",
    },
    Attack {
        name: "lists another Secret in the kustomization, and corrects the digest",
        gain: "the controller applies it",
        step: Step::UpToDate,
        says: &["differs  west/20-cacerts/kustomization.yaml"],
        change: r"
            cp out/west/20-cacerts/cacerts.sops.yaml out/west/20-cacerts/other.yaml
            echo '- other.yaml' >>out/west/20-cacerts/kustomization.yaml
            correct west/20-cacerts/kustomization.yaml
        ",
    },
];

/// Changes that are valid, and that a reviewer has to judge.
pub(super) const REVIEWED: &[Attack] = &[Attack {
    name: "adds a recipient to the topology, and to the tree a ciphertext of a key of the attacker for both",
    gain: "istiod gets a key that does not belong to its certificate, and does not start; a build with the seed makes the right one again",
    step: Step::Diff,
    says: &["private key goes another way", "its private key goes to `age1lggyhqrw"],
    change: r"
        sed -i 's/ageRecipients: \[/&age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg, /' mesh.yaml
        meshgen build mesh.yaml -o other -q --ca $ATTACKER/../attacker.seed
        for cluster in east west; do
          transplant $cluster other/$cluster/20-cacerts/cacerts.sops.yaml
          sed -i '/^reader of '$cluster'/d' out/meshgen.lock
          readers=$(grep '^reader of '$cluster other/meshgen.lock)
          sed -i '/^key of '$cluster'/r /dev/stdin' out/meshgen.lock <<<$readers
        done
        rm -r other
        meshgen build mesh.yaml -o out --check -q
    ",
}];
