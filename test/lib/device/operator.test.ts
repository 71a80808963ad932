import {userInfo} from 'node:os';
import {expect} from 'chai';
import {operatorName} from '../../../src/lib/device/operator.js';

describe('the name of who acts', () => {
  const {username} = userInfo();

  it('is the user of the operating system, and who called sudo', () => {
    expect(operatorName({})).to.equal(username);
    expect(operatorName({SUDO_USER: username})).to.equal(username);
    expect(operatorName({SUDO_USER: 'alice'})).to.equal(`${username} (sudo by alice)`);
  });

  it('is one short line, whatever the environment says', () => {
    const name = operatorName({SUDO_USER: `a\n\u001b[31m\u202e${'x'.repeat(500)}`});
    expect(name).to.match(/^[^\p{Cc}\p{Cf}]{1,64}$/u);
  });
});
