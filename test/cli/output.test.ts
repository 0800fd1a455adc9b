import assert from 'node:assert/strict';
import { reportFailure } from '../../src/cli/failure.js';
import { formatDuration, Output, wantsColor } from '../../src/cli/output.js';
import { formatBytes } from '../../src/numeric/bytes.js';

function sinks() {
  const out: string[] = [];
  const err: string[] = [];
  return { out, err, stdout: { write: (text: string) => out.push(text) }, stderr: { write: (text: string) => err.push(text) } };
}

describe('output', () => {
  it('sends text to stderr and JSON to stdout with --json', () => {
    const { out, err, stdout, stderr } = sinks();
    const output = new Output(true, stdout, stderr);
    output.line('hello');
    output.event({ event: 'done' });
    assert.deepEqual([out, err], [['{"event":"done"}\n'], ['hello\n']]);
  });

  it('prints no JSON without --json', () => {
    const { out, stdout, stderr } = sinks();
    const output = new Output(false, stdout, stderr);
    output.event({ event: 'done' });
    output.line('hello');
    assert.deepEqual(out, ['hello\n']);
  });

  it('colours a terminal only, and honours NO_COLOR and FORCE_COLOR', () => {
    const terminal = { write: () => true, isTTY: true };
    assert.equal(wantsColor(terminal, {}), true);
    assert.equal(wantsColor(terminal, { NO_COLOR: '1' }), false);
    assert.equal(wantsColor(terminal, { TERM: 'dumb' }), false);
    assert.equal(wantsColor({ write: () => true }, {}), false);
    assert.equal(wantsColor({ write: () => true }, { FORCE_COLOR: '1' }), true);
  });

  it('sets columns of numbers flush right', () => {
    const { out, stdout, stderr } = sinks();
    new Output(false, stdout, stderr).table(
      ['layer', 'images/s'],
      [
        ['conv1', '9'],
        ['fc', '1,024'],
      ],
    );
    assert.equal(out.join(''), 'layer  images/s\nconv1         9\nfc        1,024\n');
  });

  it('sets columns by what letters take on a terminal', () => {
    const { out, stdout, stderr } = sinks();
    new Output(false, stdout, stderr).table(
      ['class', 'train'],
      [
        ['猫 dogs', '9'],
        ['cafe\u0301', '12'],
      ],
    );
    assert.equal(out.join(''), 'class    train\n猫 dogs      9\ncafe\u0301        12\n');
  });

  it('formats sizes and times', () => {
    assert.deepEqual([formatBytes(512), formatBytes(1536), formatBytes(3 * 2 ** 30)], ['512 B', '1.5 KiB', '3.0 GiB']);
    assert.deepEqual([formatDuration(4.4), formatDuration(125), formatDuration(7620)], ['4s', '2m05s', '2h07m']);
  });

  it('asks to report a bug, with its stack only when AMPC_DEBUG is set', () => {
    const { err, stdout, stderr } = sinks();
    const output = new Output(false, stdout, stderr);
    assert.equal(reportFailure(new Error('broken invariant'), output), 1);
    assert.match(err.join(''), /^ampc failed: broken invariant\nThis is a bug in ampc\. Please report it/);
    assert.doesNotMatch(err.join(''), /\n\s+at /);
    process.env.AMPC_DEBUG = '1';
    try {
      reportFailure(new Error('broken invariant'), output);
    } finally {
      delete process.env.AMPC_DEBUG;
    }
    assert.match(err.join(''), /\n\s+at /);
  });

  it('does not call a full disk a bug', () => {
    const { err, stdout, stderr } = sinks();
    const error = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });
    assert.equal(reportFailure(error, new Output(false, stdout, stderr)), 1);
    assert.match(err.join(''), /^error\[AMP6110\]: the system refuses write\n = why: the disk is full\n = fix: make room/);
  });

  it('does not call a want of memory a bug', () => {
    const { err, stdout, stderr } = sinks();
    let error: unknown;
    try {
      new ArrayBuffer(2 ** 52);
    } catch (thrown) {
      error = thrown;
    }
    assert.equal(reportFailure(error, new Output(false, stdout, stderr)), 1);
    assert.match(err.join(''), /^error\[AMP6056\]: the system gives no memory for what the command holds\n = why: other programs hold it/);
  });
});
