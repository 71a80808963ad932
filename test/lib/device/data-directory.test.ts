import {existsSync} from 'node:fs';
import {expect} from 'chai';
import {checkWritable} from '../../../src/lib/device/data-directory.js';

describe('a data directory that cannot be made', () => {
  it('is refused at once, also where the file system never lets anybody make one', function () {
    if (!existsSync('/proc/self')) this.skip();
    expect(() => checkWritable({value: '/proc/stowpay/data', from: 'test'}))
      .to.throw()
      .with.property('code', 'data_directory_unusable');
  });
});
