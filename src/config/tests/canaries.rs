//! `[[network]]`: who tells whether it is us.

use super::*;

const THREE: &str =
    "canaries = [\"https://one.example/\", \"tcp://192.0.2.53:53\", \"tcp://[2001:db8::1]:53\"]\n";

fn network_said(lines: &str) -> String {
    said(&format!("[[network]]\n{lines}"))
}

fn network_warned(lines: &str) -> String {
    warned(&with(&format!("[[network]]\n{lines}")))
}

#[test]
fn canaries_are_addresses_or_tables_and_stand_for_who_names_their_network() {
    let config = good(&with(
        "network = \"lan\"\n[[network]]\nid = \"lan\"\n\
         canaries = [\"http://10.0.0.1/\", \"tcp://router.lan:80\", { url = \"https://one.example/c.txt\", contains = \"4f1c\" }]\n",
    ));
    let [lan] = config.networks.as_slice() else { panic!("one network") };
    let urls: Vec<&str> = lan.canaries.iter().map(|it| it.url.as_str()).collect();
    assert_eq!(urls, ["http://10.0.0.1/", "tcp://router.lan:80", "https://one.example/c.txt"]);
    assert_eq!(lan.canaries[2].contains.as_deref(), Some("4f1c"));
    assert!(config.endpoints.iter().any(|it| lan.stands_for(it)));
    // Who names none belongs to the default one, which may be named, too, and need not be there.
    let config = good(&with(&format!("[[network]]\nid = \"default\"\n{THREE}")));
    assert!(config.endpoints.iter().all(|it| config.networks[0].stands_for(it)));
    assert!(good(&with("network = \"default\"\n")).networks.is_empty());
}

#[test]
fn a_network_that_would_mislead_is_warned_of() {
    assert_eq!(network_warned(&format!("id = \"default\"\n{THREE}")), "");
    let few = network_warned("id = \"default\"\ncanaries = \"tcp://192.0.2.53:53\"\n");
    assert!(
        few.contains("1 of three canaries: one that is in trouble of its own is taken for ours"),
        "{few}"
    );
    let idle = network_warned(&format!("id = \"lan\"\n{THREE}"));
    assert!(idle.contains("no endpoint is knocked at through the network `lan`"), "{idle}");
    let twice = network_warned(
        "id = \"default\"\ncanaries = [\"tcp://192.0.2.53:53\", \"tcp://192.0.2.53:53\", \"https://one.example/\"]\n",
    );
    assert!(twice.contains("the canary tcp://192.0.2.53:53 stands here twice"), "{twice}");
}

#[test]
fn what_is_wrong_with_a_network_is_said_in_a_sentence() {
    let faults = [
        ("id = \"default\"\n", "[[network]] has no `canaries`"),
        ("id = \"default\"\ncanaries = []\n", "a network without canaries tells nothing"),
        (THREE, "[[network]] has no `id`"),
        ("id = \"a\"\ncanaries = \"example.com\"\n", "this is not the address of a canary"),
        ("id = \"a\"\ncanaries = \"udp://192.0.2.1:53\"\n", "`udp:` is not allowed here"),
        ("id = \"a\"\ncanaries = \"tcp://192.0.2.1\"\n", "the canary's port is missing"),
        ("id = \"a\"\ncanaries = \"tcp://:53\"\n", "this canary has no host"),
        ("id = \"a\"\ncanaries = \"https://\"\n", "this is not an address: empty host"),
        ("id = \"a\"\ncanaries = \"tcp://192.0.2.1:53/path\"\n", "a canary over tcp has no path"),
        (
            "id = \"a\"\ncanaries = { url = \"tcp://192.0.2.1:53\", contains = \"x\" }\n",
            "says nothing that could contain this",
        ),
        ("id = \"a\"\ncanaries = { contains = \"x\" }\n", "`canaries` has no `url`"),
        (
            "id = \"a\"\ncanaries = \"http://u:hunter2@one.example/\"\n",
            "an address must not carry a user or password",
        ),
    ];
    for (lines, expected) in faults {
        let said = network_said(lines);
        assert!(said.contains(expected), "{lines}\n{said}");
        assert!(!said.contains(PASSWORD), "{said}");
    }
    let two = said(&format!("[[network]]\nid = \"default\"\n{THREE}[[network]]\nid = \"default\"\n{THREE}"));
    assert!(two.contains("the network id `default` is taken"), "{two}");
    let unknown = said(&with(&format!("network = \"lna\"\n[[network]]\nid = \"lan\"\n{THREE}")));
    assert!(
        unknown.contains("there is no network `lna`") && unknown.contains("did you mean `lan`?"),
        "{unknown}"
    );
}
