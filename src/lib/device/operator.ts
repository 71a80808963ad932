import {userInfo} from 'node:os';

const LONGEST = 64;

/**
 * The user of the operating system, for the record of who did what; behind sudo, who called it, too. It says who was
 * logged in, and proves nothing. One line of at most 64 characters.
 */
export function operatorName(env: NodeJS.ProcessEnv): string {
  const behind = env.SUDO_USER;
  const name = loginName();
  const shown =
    behind === undefined || behind === '' || behind === name ? name : `${name} (sudo by ${behind})`;
  return shown.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '').slice(0, LONGEST) || 'unknown';
}

function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that nobody gave a name.
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
