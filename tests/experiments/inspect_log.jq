# Is this a log that Inspect reads? Its reader is inspect_ai/log/_log.py and _recorders/json.py, format version 2.
#
# Members that the reader requires, and those that its own writer always writes (pages made without the reader look for
# them), with their JSON types. `complaints` names what is missing or of another type; the answer is
#
#   [complaints, every member whose removal is not complained of]
#
# so that [[], []] says that the log is good and that each member is really looked at.

def top: {version: "number", status: "string", eval: "object", plan: "object", results: "object", stats: "object",
  samples: "array"};
def eval_spec: {eval_id: "string", run_id: "string", created: "string", task: "string", task_id: "string",
  task_version: "number", task_attribs: "object", task_args: "object", task_args_passed: "object", dataset: "object",
  model: "string", model_generate_config: "object", model_args: "object", config: "object", packages: "object"};
def dataset: {name: "string", samples: "number"};
def plan: {name: "string", steps: "array", config: "object"};
def results: {total_samples: "number", completed_samples: "number", scores: "array"};
def score: {name: "string", scorer: "string", params: "object", metrics: "object"};
def metric: {name: "string", value: "number", params: "object"};
def stats: {started_at: "string", completed_at: "string", model_usage: "object"};
def sample: {id: "number", epoch: "number", input: "string", target: "string", messages: "array", output: "object",
  scores: "object", metadata: "object", store: "object", events: "array", model_usage: "object",
  attachments: "object"};
def message: {role: "string"};
def assistant: {role: "string", content: "array", source: "string", model: "string"};
def output: {model: "string", choices: "array", completion: "string"};
def choice: {message: "object", stop_reason: "string"};
def sample_score: {value: "number", answer: "string"};

# Every object that has required members: its path, and what they are.
def objects:
  [[], top], [["eval"], eval_spec], [["eval", "dataset"], dataset], [["plan"], plan], [["results"], results],
  [["stats"], stats],
  (.results.scores? // [] | keys[] as $i | [["results", "scores", $i], score],
    (.[$i].metrics? // {} | keys[] | [["results", "scores", $i, "metrics", .], metric])),
  (.samples? // [] | keys[] as $i | ["samples", $i] as $at | [$at, sample], [$at + ["output"], output],
    (.[$i].messages? // [] | keys[] | [$at + ["messages", .], message]),
    (.[$i].output.choices? // [] | keys[] | [$at + ["output", "choices", .], choice],
      [$at + ["output", "choices", ., "message"], assistant]),
    (.[$i].scores? // {} | keys[] | [$at + ["scores", .], sample_score]));

def members: objects as [$at, $members] | $members | to_entries[] | [$at + [.key], .value];

def content_is_known: all(.[]; (.type == "text" and (.text | type) == "string") or
  (.type == "reasoning" and (.reasoning | type) == "string"));

def complaints:
  (. as $log | members as [$path, $type] | select(($log | try getpath($path) catch null | type) != $type) | $path),
  (select(.version != 2) | "version"),
  (select([.status] | inside(["started", "success", "cancelled", "error"]) | not) | "status"),
  # the list of logs is made by reading version before samples, and all but samples before the end of stats
  (select(keys_unsorted != ["version", "status", "eval", "plan", "results", "stats", "samples"]) | "order of keys"),
  (.eval.created?, .stats.started_at?, .stats.completed_at? |
    select(tostring | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+]00:00$") | not) | "time"),
  (.samples? // [] | length as $n | (map([.id, .epoch]) | unique | length) as $different |
    select($n == 0 or $n != $different) | "ids"),
  (select(.results.total_samples? != (.samples? // [] | length)) | "total_samples"),
  (.samples[]? | .messages? // [] | select(map(.role?) != ["user", "assistant"]) | "roles"),
  (.samples[]? | .messages?[1].content? // [] | select(length == 0 or (content_is_known | not)) | "content"),
  (.samples[]?.output.choices?[0].stop_reason | select(. != "stop") | "stop_reason");

def with_one_sample: .samples |= .[:1] | .results.total_samples = 1;

[[complaints],
  [with_one_sample | . as $log | members[0] as $path | select([$log | delpaths([$path]) | complaints] == []) | $path]]
