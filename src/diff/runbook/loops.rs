//! One loop for what is the same in many clusters.

/// So many clusters with the same command are worth a loop.
const WORTH_A_LOOP: usize = 3;

/// Commands of kubectl that differ in the context alone become a loop over contexts, in the place of the first, or of the last where
/// that is too early for one of them: those of one context keep their order.
pub(super) fn looped(commands: Vec<String>) -> Vec<String> {
    let mut lines: Vec<(Vec<String>, String)> = Vec::new();
    for command in commands {
        let Some((context, rest)) = in_context(&command) else {
            lines.push((Vec::new(), command));
            continue;
        };
        let context = context.to_owned();
        let known = lines.iter().rposition(|(contexts, known)| !contexts.is_empty() && known == rest);
        let mut contexts = Vec::new();
        if let Some(known) = known {
            let later = &lines[known + 1..];
            let is_later = |context: &String| later.iter().any(|(contexts, _)| contexts.contains(context));
            if !is_later(&context) {
                lines[known].0.push(context);
                continue;
            }
            let has_script = later.iter().any(|(contexts, _)| contexts.is_empty());
            if !has_script && !lines[known].0.iter().any(is_later) {
                contexts = lines.remove(known).0;
            }
        }
        contexts.push(context);
        lines.push((contexts, rest.to_owned()));
    }
    let line = |(contexts, rest): (Vec<String>, String)| match contexts.len() {
        0 => vec![rest],
        count if count < WORTH_A_LOOP => {
            contexts.iter().map(|context| format!("kubectl --context={context} {rest}")).collect()
        }
        _ => vec![format!("for context in {}; do kubectl --context=\"$context\" {rest}; done", contexts.join(" "))],
    };
    lines.into_iter().flat_map(line).collect()
}

/// The quoted context of a command of kubectl, and what follows it.
fn in_context(command: &str) -> Option<(&str, &str)> {
    let text = command.strip_prefix("kubectl --context=")?;
    let mut end = 1;
    while let Some(quote) = text.get(end..)?.find('\'') {
        end += quote;
        // A quote within the word is written as `'\''`.
        match text[end..].strip_prefix("'\\''") {
            Some(_) => end += 4,
            None => return Some((&text[..=end], text[end + 1..].strip_prefix(' ')?)),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_differ_in_the_context_alone_become_a_loop() {
        let command = |context: &str| format!("kubectl --context={context} -n a delete b");
        let quoted = r"'admin@west'\''s'";
        let few = [command("'a'"), command(quoted)].to_vec();
        assert_eq!(looped(few.clone()), few);
        let many = vec![command("'a'"), "NEW/x.sh".to_owned(), command(quoted), command("'c d'")];
        let line = format!("for context in 'a' {quoted} 'c d'; do kubectl --context=\"$context\" -n a delete b; done");
        assert_eq!(looped(many), [line, "NEW/x.sh".to_owned()]);
    }

    #[test]
    fn the_commands_of_one_context_keep_their_order() {
        let command = |context: &str, rest: &str| format!("kubectl --context='{context}' {rest}");
        let each = |context: &str| [command(context, &format!("apply {context}")), command(context, "wait a")];
        let applied = ["x", "y", "z"].map(|context| command(context, &format!("apply {context}")));
        let waits = "for context in 'x' 'y' 'z'; do kubectl --context=\"$context\" wait a; done".to_owned();
        assert_eq!(looped(["x", "y", "z"].into_iter().flat_map(each).collect()), [&applied[..], &[waits]].concat());
        // A script may need what stands before it.
        let [apply, wait] = each("y");
        let few = [command("x", "wait a"), "NEW/x.sh".to_owned(), apply, wait].to_vec();
        assert_eq!(looped(few.clone()), few);
    }
}
