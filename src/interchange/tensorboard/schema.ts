import protobuf from 'protobufjs';

/**
 * What TensorBoard reads of an event file, with the public field numbers of TensorFlow's event.proto, summary.proto and graph.proto. A
 * reader passes over fields that are not here.
 */
const SCHEMA = `
syntax = "proto3";
package tensorboard;

message Event {
  double wall_time = 1;
  int64 step = 2;
  oneof what {
    string file_version = 3;
    bytes graph_def = 4;
    Summary summary = 5;
    SessionLog session_log = 7;
  }
}

message SessionLog {
  int32 status = 1;
}

message Summary {
  repeated SummaryValue value = 1;
}

message SummaryValue {
  string tag = 1;
  SummaryMetadata metadata = 9;
  oneof value {
    float simple_value = 2;
    SummaryImage image = 4;
    HistogramProto histo = 5;
  }
}

message SummaryMetadata {
  PluginData plugin_data = 1;
  string display_name = 2;
  string summary_description = 3;
}

message PluginData {
  string plugin_name = 1;
}

message SummaryImage {
  int32 height = 1;
  int32 width = 2;
  int32 colorspace = 3;
  bytes encoded_image_string = 4;
}

message HistogramProto {
  double min = 1;
  double max = 2;
  double num = 3;
  double sum = 4;
  double sum_squares = 5;
  repeated double bucket_limit = 6;
  repeated double bucket = 7;
}

message GraphDef {
  repeated NodeDef node = 1;
  VersionDef versions = 4;
}

message VersionDef {
  int32 producer = 1;
}

message NodeDef {
  string name = 1;
  string op = 2;
  repeated string input = 3;
  string device = 4;
  map<string, AttrValue> attr = 5;
}

message AttrValue {
  oneof value {
    ListValue list = 1;
    bytes s = 2;
  }
}

message ListValue {
  repeated TensorShapeProto shape = 7;
}

message TensorShapeProto {
  repeated Dim dim = 2;
}

message Dim {
  int64 size = 1;
}
`;

/** What happened at a step: one of its parts behind the first two. */
export interface BoardEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step?: number;
  /** Of a file's first event. */
  readonly fileVersion?: string;
  /** A `GraphDef`. */
  readonly graphDef?: Uint8Array;
  readonly summary?: { readonly value: readonly BoardValue[] };
  /** 1: a run begins, or goes on, at this step; what was there of later ones counts no more. */
  readonly sessionLog?: { readonly status: number };
}

export interface BoardValue {
  readonly tag: string;
  /** Whoever gives any names the page of TensorBoard as well: its reader warns of metadata without one. */
  readonly metadata?: {
    readonly pluginData: { readonly pluginName: 'images' };
    readonly displayName?: string;
    readonly summaryDescription?: string;
  };
  readonly simpleValue?: number;
  readonly image?: BoardImage;
  readonly histo?: BoardHistogram;
}

/** An encoded picture, such as a PNG. */
export interface BoardImage {
  readonly height: number;
  readonly width: number;
  /** Channels: 1 grey, 3 colour, 4 with transparency. */
  readonly colorspace: number;
  readonly encodedImageString: Uint8Array;
}

/** `bucket[i]` values lie above `bucketLimit[i - 1]` and up to `bucketLimit[i]`. */
export interface BoardHistogram {
  readonly min: number;
  readonly max: number;
  readonly num: number;
  readonly sum: number;
  readonly sumSquares: number;
  readonly bucketLimit: readonly number[];
  readonly bucket: readonly number[];
}

export interface BoardNode {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly device?: string;
  readonly attr: Readonly<Record<string, object>>;
}

let parsed: protobuf.Root | undefined;

function typeOf(name: string): protobuf.Type {
  parsed ??= protobuf.parse(SCHEMA).root;
  return parsed.lookupType(`tensorboard.${name}`);
}

export function encodeEvent(event: BoardEvent): Uint8Array {
  const type = typeOf('Event');
  return type.encode(type.fromObject(event)).finish();
}

/** Throws an Error on bytes that are no message of this schema. */
export function decodeEvent(bytes: Uint8Array): BoardEvent {
  const type = typeOf('Event');
  return type.toObject(type.decode(bytes), { longs: Number }) as BoardEvent;
}

/** Made with version 22 of the form in mind, which has nothing that older ones lack. */
export function encodeGraph(node: readonly BoardNode[]): Uint8Array {
  const type = typeOf('GraphDef');
  return type.encode(type.fromObject({ node, versions: { producer: 22 } })).finish();
}

/** Throws as `decodeEvent`. */
export function decodeGraph(bytes: Uint8Array): readonly BoardNode[] {
  const type = typeOf('GraphDef');
  return (type.toObject(type.decode(bytes), { longs: Number }) as { readonly node?: readonly BoardNode[] }).node ?? [];
}
